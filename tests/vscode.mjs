// Talks to a kernel as VS Code's Jupyter extension does, with the ZeroMQ library that it uses. Run by e2e/test_vscode.py:
//
//     node vscode.mjs CONNECTION_FILE CELLS      (NODE_PATH names the folder with the package `zeromq`)
//
// CELLS is a list of cells as JSON; one that prints "go" is interrupted then. Prints all that was sent and received as JSON.
//
// What is peculiar to VS Code: it looks for open ports before it connects; shell, control and stdin share one routing id; it
// asks for kernel_info on shell and control again and again until there is a reply and any message on iopub; and it takes the
// last status for that of the kernel.

import crypto from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const zmq = createRequire(path.join(process.env.NODE_PATH, "anywhere.js"))("zeromq");
const [file, cells] = process.argv.slice(2);
const connection = JSON.parse(fs.readFileSync(file, "utf8"));
const session = crypto.randomUUID();
const log = [];

async function listening(port) {
    for (;;) {
        const open = await new Promise((resolve) => {
            const socket = net.connect(port, connection.ip, () => (socket.destroy(), resolve(true)));
            socket.on("error", () => resolve(false));
        });
        if (open) return;
        await pause(50);
    }
}

const sign = (frames) => {
    const mac = crypto.createHmac("sha256", connection.key);
    frames.forEach((frame) => mac.update(frame));
    return mac.digest("hex");
};

// Whoever waits looks again when a message has come.
let arrived = () => {};
const until = async (condition) => {
    for (let found; ; ) {
        if ((found = condition())) return found;
        await new Promise((resolve) => (arrived = resolve));
    }
};

async function receive(channel, socket) {
    for await (const frames of socket) {
        const start = frames.findIndex((frame) => frame.toString() === "<IDS|MSG>");
        const [signature, ...parts] = frames.slice(start + 1);
        if (signature.toString() !== sign(parts.slice(0, 4))) throw new Error("a wrong signature");
        const [header, parent, , content] = parts.map((part) => JSON.parse(part.toString()));
        log.push({ channel, type: header.msg_type, parent: parent.msg_id ?? null, content });
        arrived();
    }
}

const sockets = {};
let sent = 0;
async function send(channel, type, content) {
    const id = `${session}_${sent++}`;
    const date = new Date().toISOString();
    const header = { msg_id: id, msg_type: type, session, username: "vscode", date, version: "5.2" };
    const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
    log.push({ channel, type, id });
    await sockets[channel].send(["<IDS|MSG>", sign(parts), ...parts]);
    return id;
}

const answers = (id, type) => log.find((message) => message.parent === id && message.type === type);
const idle = (id) =>
    log.find((message) => message.parent === id && message.content?.execution_state === "idle");

async function connect() {
    await listening(connection.shell_port);
    await listening(connection.iopub_port);
    for (const channel of ["shell", "control", "stdin"]) {
        sockets[channel] = new zmq.Dealer({ routingId: session, linger: 0 });
        sockets[channel].connect(`tcp://${connection.ip}:${connection[`${channel}_port`]}`);
    }
    sockets.iopub = new zmq.Subscriber({ linger: 0, maxMessageSize: -1, receiveHighWaterMark: 0 });
    sockets.iopub.connect(`tcp://${connection.ip}:${connection.iopub_port}`);
    sockets.iopub.subscribe();
    for (const [channel, socket] of Object.entries(sockets)) {
        receive(channel, socket).catch((error) => {
            console.error(error);
            process.exit(1);
        });
    }
    // Again each half second, until there is a reply and iopub has said something.
    const ready = () =>
        log.some((message) => message.type === "kernel_info_reply") && log.some((message) => message.channel === "iopub");
    while (!ready()) {
        await send("shell", "kernel_info_request", {});
        await send("control", "kernel_info_request", {});
        await Promise.race([until(ready), pause(500, null, { ref: false })]);
    }
}

async function execute(code) {
    const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: true, stop_on_error: true };
    const id = await send("shell", "execute_request", content);
    if (code.includes('"go"')) {
        await until(() => answers(id, "stream"));
        const press = await send("control", "interrupt_request", {});
        await until(() => answers(press, "interrupt_reply"));
    }
    await until(() => answers(id, "execute_reply") && idle(id));
}

await connect();
for (const code of JSON.parse(cells)) await execute(code);
console.log(JSON.stringify(log));
process.exit(0);
