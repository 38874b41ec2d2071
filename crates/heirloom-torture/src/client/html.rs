//! Reads a form's field from a page: servers put a token against forgery there, which the next request must have.

/// The value of an `<input>` with this name.
pub fn field(page: &str, name: &str) -> Option<String> {
    let inputs = page.split("<input").skip(1).filter_map(|after| after.split_once('>').map(|(tag, _)| tag));
    let named = |tag: &&str| attribute(tag, "name").is_some_and(|found| found == name);
    inputs.into_iter().find(named).and_then(|tag| attribute(tag, "value"))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    // A value in quotation marks may hold spaces: it is read from the tag, not from the word.
    let start = tag.len().checked_sub(tag.split_once(&format!("{name}={at}"))?.1.len())?.checked_sub(at.len())?;
    let rest = tag.get(start..)?;
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest.get(1..)?.split(quote).next()?,
        _bare => at.trim_end_matches('/'),
    };
    Some(unescaped(value))
}

fn unescaped(text: &str) -> String {
    let entities =
        [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#43;", "+"), ("&#x2B;", "+")];
    let text = entities.into_iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character));
    text.replace("&#61;", "=").replace("&#x3D;", "=").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let page = "<form><input type=hidden name='csrf' value='a b&amp;c'/>\n<input value=\"x==\" name=\"other\">\
                    <input name=bare value=1></form>";
        for (name, value) in [("csrf", Some("a b&c")), ("other", Some("x==")), ("bare", Some("1")), ("none", None)] {
            assert_eq!(field(page, name).as_deref(), value, "{name}");
        }
    }
}
