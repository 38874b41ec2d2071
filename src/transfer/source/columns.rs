use crate::{
    kernel::Moment,
    transfer::{
        row::{RawFields, RowRefused},
        values::{self, NOT_A_TIME},
    },
};
use serde_json::Value;

/// A row's values by their names in lower case.
pub struct Columns(RawFields);

impl Columns {
    /// The columns of a row. Two that differ only by case may be two different answers to whether the user is blocked.
    pub fn of(fields: RawFields) -> Result<Self, RowRefused> {
        let mut columns = RawFields::new();
        for (name, value) in fields {
            if columns.insert(name.to_ascii_lowercase(), value).is_some() {
                return Err(RowRefused::new("repeated_field", "names a field twice, in upper and lower case"));
            }
        }
        Ok(Self(columns))
    }

    /// Whether there is such a column, with or without a value.
    pub fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains_key(*name))
    }

    /// The first of these that has a value.
    pub fn value(&self, names: &[&str]) -> Option<&Value> {
        let is_value = |value: &&Value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty());
        names.iter().filter_map(|name| self.0.get(*name)).find(is_value)
    }

    /// A text, or a number as text.
    pub fn text(&self, names: &[&str]) -> Option<String> {
        match self.value(names)? {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A value that is a JSON object, or JSON text of one, as CSV has it.
    pub fn object(&self, names: &[&str]) -> Option<RawFields> {
        match self.value(names)? {
            Value::Object(object) => Some(object.clone()),
            Value::String(text) => serde_json::from_str(text).ok(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        }
    }

    pub fn flag(&self, names: &[&str]) -> Result<Option<bool>, RowRefused> {
        let Some(value) = self.value(names) else { return Ok(None) };
        let flag = values::flag(value).ok_or_else(|| RowRefused::of_type(first(names), "true or false"))?;
        Ok(Some(flag))
    }

    /// Of every one of these that has a value.
    pub fn flags(&self, names: &[&str]) -> Result<Vec<bool>, RowRefused> {
        names.chunks(1).filter_map(|name| self.flag(name).transpose()).collect()
    }

    /// Of every one of these that has a value.
    pub fn moments(&self, names: &[&str]) -> Result<Vec<Moment>, RowRefused> {
        names.chunks(1).filter_map(|name| self.moment(name).transpose()).collect()
    }

    /// The first of these that is a column, with or without a value.
    pub fn existing<'names>(&self, names: &'names [&'names str]) -> &'names [&'names str] {
        names.chunks(1).find(|name| self.has(name)).unwrap_or_default()
    }

    pub fn moment(&self, names: &[&str]) -> Result<Option<Moment>, RowRefused> {
        let Some(text) = self.text(names) else { return Ok(None) };
        // What MySQL writes for "never".
        if text.starts_with("0000-00-00") {
            return Ok(None);
        }
        let moment = values::epoch(&text).or_else(|| values::moment(&text));
        let moment = moment.ok_or_else(|| RowRefused::field(first(names), "not_a_time", NOT_A_TIME))?;
        Ok(Some(moment))
    }

    pub fn epoch_millis(&self, names: &[&str]) -> Option<Moment> {
        self.value(names).and_then(values::epoch_millis)
    }
}

fn first<'name>(names: &[&'name str]) -> &'name str {
    names.first().copied().unwrap_or_default()
}
