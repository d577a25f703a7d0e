//! A shown value as Jupyter wants it: JSON as a value rather than as text, and always some plain text. Used by `output`.

use std::collections::BTreeMap;

use boucle_wire::Role;
use serde_json::{Map, Value};

use crate::publish::{MimeBundle, Publisher};

/// Something that can be published.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) role: Role,
    data: MimeBundle,
    metadata: Map<String, Value>,
    /// What the user should know about a representation that had to be left out.
    pub(super) complaint: Option<String>,
}

/// Prepares representations for Jupyter. JSON that is none is left out, and replaced by its text if there is nothing else.
pub(super) fn prepare(role: Role, data: BTreeMap<String, String>, metadata: BTreeMap<String, String>) -> Shown {
    let types = data.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut shown = Shown { role, data: MimeBundle::new(), metadata: Map::new(), complaint: None };
    for (mime_type, content) in data {
        if !is_json(&mime_type) {
            shown.data.insert(mime_type, content.into());
            continue;
        }
        match serde_json::from_str(&content) {
            Ok(value) => drop(shown.data.insert(mime_type, value)),
            Err(error) => {
                shown.complain(&format!("cannot show this as `{mime_type}`, because it is not valid JSON: {error}"));
                // Plain text that comes with it takes its place: it is sorted behind.
                shown.data.insert("text/plain".to_owned(), content.into());
            }
        }
    }
    for (mime_type, json) in metadata {
        match serde_json::from_str(&json) {
            Ok(value) => drop(shown.metadata.insert(mime_type, value)),
            Err(error) => {
                shown.complain(&format!(
                    "the metadata of `{mime_type}` are ignored, because they are not valid JSON: {error}"
                ));
            }
        }
    }
    shown.data.entry("text/plain").or_insert_with(|| format!("<{types}>").into());
    shown
}

fn is_json(mime_type: &str) -> bool {
    mime_type == "application/json" || mime_type.ends_with("+json")
}

impl Shown {
    fn complain(&mut self, text: &str) {
        let complaint = self.complaint.get_or_insert_default();
        complaint.push_str(text);
        complaint.push('\n');
    }

    /// Whether it is an update of this display.
    pub(super) fn updates(&self, display_id: &str) -> bool {
        matches!(&self.role, Role::Update(id) if id == display_id)
    }

    /// Publishes it; a cell's value only if the cell has a number.
    pub(super) fn publish(self, publisher: &Publisher, execution_count: Option<u64>) {
        let Shown { role, data, metadata, .. } = self;
        match (role, execution_count) {
            (Role::Result, Some(count)) => publisher.execute_result(count, data, metadata),
            (Role::Result, None) => {}
            (Role::Display(id), _) => publisher.display_data(data, metadata, (!id.is_empty()).then_some(id)),
            (Role::Update(id), _) => publisher.update_display_data(data, metadata, id),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(data: &[(&str, &str)], metadata: &[(&str, &str)], expected: Expect) {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let shown = prepare(Role::Result, owned(data), owned(metadata));
        let [data, metadata] = [shown.data, shown.metadata].map(Value::Object);
        expected.assert_eq(&format!("{data}\n{metadata}\n{}", shown.complaint.unwrap_or_default()));
    }

    #[test]
    fn json_becomes_a_value_and_text_stays() {
        check(
            &[("application/vnd.vegalite.v5+json", "{\"a\": [1]}"), ("text/html", "{}"), ("text/plain", "t")],
            &[("text/html", "{\"isolated\": true}")],
            expect![[r#"
                {"application/vnd.vegalite.v5+json":{"a":[1]},"text/html":"{}","text/plain":"t"}
                {"text/html":{"isolated":true}}
            "#]],
        );
    }

    #[test]
    fn there_is_always_plain_text() {
        check(
            &[("image/png", "AAAA")],
            &[],
            expect![[r#"
                {"image/png":"AAAA","text/plain":"<image/png>"}
                {}
            "#]],
        );
    }

    #[test]
    fn what_is_not_json_is_explained_and_shown_as_text() {
        check(
            &[("application/json", "{\"a\": ")],
            &[("application/json", "true false")],
            expect![[r#"
                {"text/plain":"{\"a\": "}
                {}
                cannot show this as `application/json`, because it is not valid JSON: EOF while parsing a value at line 1 column 6
                the metadata of `application/json` are ignored, because they are not valid JSON: trailing characters at line 1 column 6
            "#]],
        );
    }
}
