//! The figures: printed as they come, and at the end as a table, as JSON and as a chart.

use serde_json::{Map, Value, json};
use std::{fmt::Write, fs, path::PathBuf};

pub struct Report {
    quick: bool,
    figures: Map<String, Value>,
    targets: Vec<(String, f64, &'static str, f64)>,
}

impl Report {
    pub fn new(quick: bool) -> Self {
        Self { quick, figures: Map::new(), targets: Vec::new() }
    }

    /// One figure of a row. Added again, it is replaced.
    pub fn add(&mut self, row: &str, figure: &str, value: f64) {
        eprintln!("   {row}: {figure} {}", short(value));
        let entry = self.figures.entry(row).or_insert_with(|| json!({}));
        entry[figure] = json!(value);
    }

    /// A figure that was added before.
    pub fn figure(&self, row: &str, figure: &str) -> f64 {
        self.figures[row][figure].as_f64().unwrap()
    }

    /// What a load says.
    pub fn load(&mut self, row: &str, result: &Value) {
        for figure in ["rate", "p50_ms", "p99_ms", "p999_ms", "errors", "refused_503", "failing_clients"] {
            if let Some(value) = result[figure].as_f64() {
                self.add(row, figure, value);
            }
        }
        let (cpu, seconds) = (result["generator_cpu_s"].as_f64(), result["seconds"].as_f64());
        if let Some((cpu, seconds)) = cpu.zip(seconds) {
            let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
            self.add(row, "generator_share_of_machine", cpu / seconds / cores);
        }
        if let Some(error) = result["first_error"].as_str() {
            eprintln!("   {row}: first error: {error}");
        }
    }

    /// A figure with a target. Measured again, the last one counts.
    pub fn target(&mut self, name: &str, value: f64, sense: &'static str, target: f64) {
        self.targets.retain(|(known, ..)| known != name);
        eprintln!("   {name}: {} ({sense} {target})", short(value));
        self.targets.push((name.to_owned(), value, sense, target));
    }

    /// Writes what there is so far: a scenario that fails later loses nothing.
    pub fn save(&self) -> PathBuf {
        let folder =
            PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("bench");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("bench.json"), format!("{:#}\n", self.json())).unwrap();
        fs::write(folder.join("bench.svg"), self.chart()).unwrap();
        fs::write(folder.join("bench.md"), self.table()).unwrap();
        folder
    }

    pub fn finish(&self) {
        let folder = self.save();
        println!("{}", self.table());
        eprintln!("{0}/bench.json, {0}/bench.md, {0}/bench.svg", folder.display());
    }

    fn json(&self) -> Value {
        let targets = self.targets.iter().map(|(name, value, sense, target)| {
            json!({ "name": name, "value": value, "target": format!("{sense} {target}"), "met": met(*value, sense, *target) })
        });
        json!({ "quick": self.quick, "targets": targets.collect::<Vec<_>>(), "figures": self.figures })
    }

    fn table(&self) -> String {
        let mut text = String::from("| target | measured | wanted | |\n| --- | ---: | ---: | --- |\n");
        for (name, value, sense, target) in &self.targets {
            let verdict = if met(*value, sense, *target) { "met" } else { "MISSED" };
            writeln!(text, "| {name} | {} | {sense} {target} | {verdict} |", short(*value)).unwrap();
        }
        text.push_str("\n| | figures |\n| --- | --- |\n");
        for (row, figures) in &self.figures {
            let figures = figures.as_object().unwrap().iter();
            let listed = figures.map(|(name, value)| format!("{name} {}", short(value.as_f64().unwrap())));
            writeln!(text, "| {row} | {} |", listed.collect::<Vec<_>>().join(", ")).unwrap();
        }
        if self.quick {
            text.push_str("\nA quick run: to see that it works, not to quote.\n");
        }
        text
    }

    /// Rates as bars.
    fn chart(&self) -> String {
        let bars: Vec<_> =
            self.figures.iter().filter_map(|(row, value)| Some((row, value["rate"].as_f64()?))).collect();
        let most = bars.iter().map(|(_, rate)| *rate).fold(1.0, f64::max);
        let height = 30 + bars.len() * 26;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{height}\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"10\" y=\"18\">a second</text>\n"
        );
        for (place, (row, rate)) in bars.iter().enumerate() {
            let (y, width) = (30 + place * 26, rate / most * 380.0);
            writeln!(
                svg,
                "<text x=\"10\" y=\"{}\">{row}</text><rect x=\"380\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" \
                 fill=\"#35618f\"/><text x=\"{:.1}\" y=\"{}\">{}</text>",
                y + 14,
                386.0 + width,
                y + 14,
                short(*rate)
            )
            .unwrap();
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn met(value: f64, sense: &str, target: f64) -> bool {
    if sense == ">=" { value >= target } else { value <= target }
}

/// The middle one; of an even number the upper of the two.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
