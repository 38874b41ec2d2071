use super::{
    error::CliError,
    formats::{Format, Output},
    output,
};
use heirloom_torture::Report;
use std::{fs::File, io::Write};

/// Files that a report goes to. They are opened before the run: a path that cannot be written must not cost one.
pub struct Files(Vec<(Output, File)>);

impl Files {
    /// Creates them.
    pub fn open(outputs: Vec<Output>) -> Result<Self, CliError> {
        let opened = outputs.into_iter().map(|output| match File::create(&output.path) {
            Ok(file) => Ok((output, file)),
            Err(error) => Err(CliError::File(output.path.display().to_string(), error)),
        });
        opened.collect::<Result<_, _>>().map(Self)
    }

    /// Writes the report to all of them, and in one format to standard output.
    pub fn write(self, report: &Report, to_stdout: Format) -> Result<(), CliError> {
        for (output, mut file) in self.0 {
            let text = output.format.write(report).map_err(CliError::Format)?;
            file.write_all(text.as_bytes())
                .map_err(|error| CliError::File(output.path.display().to_string(), error))?;
        }
        output::write(to_stdout.write(report).map_err(CliError::Format)?.as_bytes())
    }
}
