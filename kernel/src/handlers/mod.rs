//! Answers requests: what each message type means, apart from how it travels.
//! Called by `dispatch`. A handler takes a request and returns the content of the reply.

mod code;
mod comm;
pub(crate) mod execute;
mod history;
mod kernel_info;
pub(crate) mod usage;

use boucle_wire::CommKind;
use serde_json::{Value, json};

use crate::assist::Assistant;
use crate::comms::Comms;
use crate::engine::SharedEngine;
use crate::error::ErrorReport;
use crate::history::History;
use crate::lifecycle::{Interrupt, Stop};
use crate::protocol::connection::Connection;
use crate::protocol::incoming::Incoming;
use crate::protocol::request::{Debug, Request, Shutdown, Subshell};
use crate::publish::Publisher;
use crate::stdin::Stdin;
use crate::subshells::Subshells;
use usage::Usage;

/// What handlers may use besides the request.
pub(crate) struct Context {
    pub(crate) connection: Connection,
    pub(crate) interrupt: Interrupt,
    pub(crate) stop: Stop,
    pub(crate) history: History,
    pub(crate) stdin: Stdin,
    pub(crate) engine: SharedEngine,
    pub(crate) comms: Comms,
    pub(crate) subshells: Subshells,
    pub(crate) assistant: Assistant,
    pub(crate) usage: Usage,
}

/// Answers every request but `execute_request`s on shell, also while cells run. `None` means that the message gets no
/// reply.
pub(crate) async fn answer(incoming: &Incoming, context: &Context, publisher: &Publisher) -> Option<Value> {
    let request = match &incoming.request {
        Ok(request) => request,
        Err(error) => return Some(invalid(&incoming.msg_type, error)),
    };
    Some(match request {
        Request::KernelInfo => kernel_info::reply(),
        Request::IsComplete(request) => code::is_complete(request),
        Request::Complete(request) => code::complete(request, &context.assistant).await,
        Request::Inspect(request) => code::inspect(request, &context.assistant).await,
        Request::History(request) => history::reply(request, &context.history).await,
        Request::CommInfo(request) => comm::info(request, context),
        Request::CommOpen(comm) => {
            let kind = CommKind::Open { target: comm.target_name.clone() };
            comm::deliver(kind, comm, incoming, context, publisher).await;
            return None;
        }
        Request::CommMsg(comm) => {
            comm::deliver(CommKind::Message, comm, incoming, context, publisher).await;
            return None;
        }
        Request::CommClose(comm) => {
            comm::deliver(CommKind::Close, comm, incoming, context, publisher).await;
            return None;
        }
        Request::CreateSubshell => json!({ "status": "ok", "subshell_id": context.subshells.create() }),
        Request::DeleteSubshell(request) => delete_subshell(request, context),
        Request::ListSubshell => json!({ "status": "ok", "subshell_id": context.subshells.list() }),
        Request::Connect => connect(&context.connection),
        Request::Interrupt => interrupt(context),
        Request::Usage => context.usage.reply().await,
        Request::Debug(request) => no_debugger(request),
        Request::Shutdown(request) => shutdown(request, context, publisher),
        Request::Execute(_) => not_here(),
        Request::InputReply(_) | Request::Unknown => return ignore(&incoming.msg_type),
    })
}

fn interrupt(context: &Context) -> Value {
    context.interrupt.press();
    json!({ "status": "ok" })
}

/// There is no debugger, which `kernel_info` says. A client that asks all the same waits for an answer in a debugger's terms.
fn no_debugger(request: &Debug) -> Value {
    let text = format!("this kernel has no debugger, so it cannot do `{}`", request.command);
    let mut reply = ErrorReport::plain("NotSupported", text.as_str()).reply();
    reply["type"] = "response".into();
    reply["seq"] = 0.into();
    reply["request_seq"] = request.seq.into();
    reply["command"] = request.command.as_str().into();
    reply["success"] = false.into();
    reply["message"] = text.into();
    reply
}

/// Only asks for the end: `kernel` waits for this reply to be sent.
fn shutdown(request: &Shutdown, context: &Context, publisher: &Publisher) -> Value {
    publisher.shutdown(request.restart);
    context.stop.request("a `shutdown_request`");
    json!({ "status": "ok", "restart": request.restart })
}

fn connect(connection: &Connection) -> Value {
    json!({
        "status": "ok",
        "shell_port": connection.shell_port,
        "iopub_port": connection.iopub_port,
        "stdin_port": connection.stdin_port,
        "control_port": connection.control_port,
        "hb_port": connection.hb_port,
    })
}

fn delete_subshell(request: &Subshell, context: &Context) -> Value {
    match context.subshells.delete(&request.subshell_id) {
        true => json!({ "status": "ok" }),
        false => no_subshell(&request.subshell_id).reply(),
    }
}

/// There is no subshell of this id.
pub(crate) fn no_subshell(id: &str) -> ErrorReport {
    ErrorReport::plain("NoSuchSubshell", format!("there is no subshell `{id}`; it may have been deleted"))
}

/// Cells run on shell only: there they have an order.
fn not_here() -> Value {
    let text = "an `execute_request` must be sent on the shell channel";
    execute::error_reply(&ErrorReport::plain("NotSupported", text), 0)
}

fn invalid(msg_type: &str, error: &serde_json::Error) -> Value {
    tracing::warn!("the content of a `{msg_type}` is not valid: {error}");
    let text = format!("the content of this `{msg_type}` is not valid: {error}");
    let report = ErrorReport::plain("InvalidRequest", text);
    if msg_type == "execute_request" { execute::error_reply(&report, 0) } else { report.reply() }
}

fn ignore(msg_type: &str) -> Option<Value> {
    tracing::warn!("ignored a message of a type that means nothing here: `{msg_type}`");
    None
}
