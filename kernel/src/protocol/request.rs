//! The requests of Jupyter's protocol as types, read tolerantly.
//! Made by `protocol::incoming`, taken apart by `dispatch` and `handlers`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One request, by its message type.
#[derive(Debug)]
pub(crate) enum Request {
    KernelInfo,
    Execute(Execute),
    IsComplete(Code),
    Complete(Cursor),
    Inspect(Inspect),
    History(History),
    CommInfo(CommInfo),
    CommOpen(Comm),
    CommMsg(Comm),
    CommClose(Comm),
    Connect,
    CreateSubshell,
    DeleteSubshell(Subshell),
    ListSubshell,
    Interrupt,
    Usage,
    Debug(Debug),
    Shutdown(Shutdown),
    /// What the user has typed; on the stdin channel only.
    InputReply(InputReply),
    /// A type that we do not know.
    Unknown,
}

/// The content of an `execute_request`.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Execute {
    pub(crate) code: String,
    pub(crate) silent: bool,
    pub(crate) store_history: bool,
    pub(crate) user_expressions: Option<Map<String, Value>>,
    pub(crate) allow_stdin: bool,
    pub(crate) stop_on_error: bool,
}

impl Default for Execute {
    fn default() -> Self {
        Self {
            code: String::new(),
            silent: false,
            store_history: true,
            user_expressions: None,
            allow_stdin: false,
            stop_on_error: true,
        }
    }
}

/// The content of an `is_complete_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Code {
    pub(crate) code: String,
}

/// The content of a `complete_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cursor {
    pub(crate) code: String,
    /// Counts Unicode code points; the end of the code when absent.
    cursor_pos: Option<usize>,
}

impl Cursor {
    /// The position in bytes, never after the end of the code.
    pub(crate) fn position(&self) -> usize {
        let at = self.cursor_pos.and_then(|position| self.code.char_indices().nth(position));
        at.map_or(self.code.len(), |(at, _)| at)
    }

    /// A position in bytes as the client counts, in code points.
    pub(crate) fn count(&self, at: usize) -> usize {
        self.code[..at].chars().count()
    }
}

/// The content of an `inspect_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Inspect {
    #[serde(flatten)]
    pub(crate) cursor: Cursor,
    /// 1 asks for the source as well.
    pub(crate) detail_level: u8,
}

/// The content of a `history_request`. Clients leave out, or set to null, what they do not need.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct History {
    pub(crate) hist_access_type: AccessType,
    pub(crate) output: Option<bool>,
    pub(crate) session: Option<i64>,
    pub(crate) start: Option<i64>,
    pub(crate) stop: Option<i64>,
    pub(crate) n: Option<i64>,
    pub(crate) pattern: Option<String>,
    pub(crate) unique: Option<bool>,
}

/// How a `history_request` chooses lines.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessType {
    #[default]
    Tail,
    Range,
    Search,
}

/// The content of a `comm_open`, `comm_msg` or `comm_close`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Comm {
    pub(crate) comm_id: String,
    /// Only where it is opened.
    pub(crate) target_name: String,
    pub(crate) data: Value,
}

/// The content of a `comm_info_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CommInfo {
    /// Which comms are meant, if not all.
    pub(crate) target_name: Option<String>,
}

/// The content of a `delete_subshell_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Subshell {
    pub(crate) subshell_id: String,
}

/// The content of a `debug_request`: a request of the Debug Adapter Protocol.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Debug {
    pub(crate) seq: i64,
    pub(crate) command: String,
}

/// The content of a `shutdown_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Shutdown {
    pub(crate) restart: bool,
}

/// The content of an `input_reply`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputReply {
    pub(crate) value: String,
}

impl Request {
    /// Reads the content of a message of type `msg_type`. Fields that are missing get their
    /// defaults; an error means that a field has the wrong type.
    pub(crate) fn parse(msg_type: &str, content: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(match msg_type {
            "kernel_info_request" => Self::KernelInfo,
            "execute_request" => Self::Execute(read(content)?),
            "is_complete_request" => Self::IsComplete(read(content)?),
            "complete_request" => Self::Complete(read(content)?),
            "inspect_request" => Self::Inspect(read(content)?),
            "history_request" => Self::History(read(content)?),
            "comm_info_request" => Self::CommInfo(read(content)?),
            "comm_open" => Self::CommOpen(read(content)?),
            "comm_msg" => Self::CommMsg(read(content)?),
            "comm_close" => Self::CommClose(read(content)?),
            "connect_request" => Self::Connect,
            "create_subshell_request" => Self::CreateSubshell,
            "delete_subshell_request" => Self::DeleteSubshell(read(content)?),
            "list_subshell_request" => Self::ListSubshell,
            "interrupt_request" => Self::Interrupt,
            "usage_request" => Self::Usage,
            "debug_request" => Self::Debug(read(content)?),
            "shutdown_request" => Self::Shutdown(read(content)?),
            "input_reply" => Self::InputReply(read(content)?),
            _ => Self::Unknown,
        })
    }
}

fn read<T: DeserializeOwned>(content: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(content)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(msg_type: &str, content: &str, expected: Expect) {
        let shown = match Request::parse(msg_type, content.as_bytes()) {
            Ok(request) => format!("{request:?}"),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn missing_fields_get_the_protocols_defaults() {
        check(
            "execute_request",
            "{}",
            expect![[
                r#"Execute(Execute { code: "", silent: false, store_history: true, user_expressions: None, allow_stdin: false, stop_on_error: true })"#
            ]],
        );
        check("complete_request", r#"{"code":"a"}"#, expect![[r#"Complete(Cursor { code: "a", cursor_pos: None })"#]]);
        check("shutdown_request", "{}", expect!["Shutdown(Shutdown { restart: false })"]);
        check("comm_open", "{}", expect![[r#"CommOpen(Comm { comm_id: "", target_name: "", data: Null })"#]]);
        check(
            "history_request",
            r#"{"hist_access_type":"search","n":null}"#,
            expect![
                "History(History { hist_access_type: Search, output: None, session: None, start: None, stop: None, n: None, pattern: None, unique: None })"
            ],
        );
    }

    #[test]
    fn extra_fields_are_ignored() {
        check(
            "execute_request",
            r#"{"code":"1","silent":true,"stop_on_error":false,"user_expressions":null,"x":[1,{}]}"#,
            expect![[
                r#"Execute(Execute { code: "1", silent: true, store_history: true, user_expressions: None, allow_stdin: false, stop_on_error: false })"#
            ]],
        );
        check("is_complete_request", r#"{"code":"fn","indent":4}"#, expect![[r#"IsComplete(Code { code: "fn" })"#]]);
    }

    #[test]
    fn wrong_types_are_errors_and_unknown_messages_are_not() {
        check(
            "execute_request",
            r#"{"code":5}"#,
            expect!["invalid type: integer `5`, expected a string at line 1 column 9"],
        );
        check("novel_request", r#"{"seq":1}"#, expect!["Unknown"]);
        check("kernel_info_request", "null", expect!["KernelInfo"]);
    }

    #[test]
    fn cursors_count_code_points_and_stay_within_the_code() {
        let cursor = |code: &str, cursor_pos| Cursor { code: code.to_owned(), cursor_pos };
        assert_eq!(cursor("é🦀x", None).position(), 7);
        assert_eq!(cursor("é🦀x", Some(2)).position(), 6);
        assert_eq!(cursor("é🦀x", Some(99)).position(), 7);
        assert_eq!(cursor("é🦀x", None).count(6), 2);
    }
}
