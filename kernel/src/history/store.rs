//! The history as tables: which sessions there were, and what was typed in each of their lines. Owned by the thread of
//! `history`.
//!
//! Invariant: a session takes its number with its first line, so kernels that share a file never share a session, and those
//! in which nothing is run leave no trace.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Result, Row, params, params_from_iter};

use super::{Access, Entry, Query};

/// How long another kernel may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The version of the tables, kept in the file.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS sessions (session INTEGER PRIMARY KEY AUTOINCREMENT, start TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS history (
        session INTEGER NOT NULL, line INTEGER NOT NULL, source TEXT NOT NULL, output TEXT,
        PRIMARY KEY (session, line)
    );";

/// An open history, and the session that is written.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    session: Option<i64>,
}

impl Store {
    /// Opens the history in a file, which is made if need be.
    ///
    /// # Errors
    /// If the file is not a history, or one of a later version, or cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        // Without SQLite's URIs: a path may begin with `file:`.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        // Readers and one writer at a time do not wait for each other. What a power failure may take is the last lines, not the file.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        Self::with_tables(connection)
    }

    /// A history that ends with the kernel.
    pub(super) fn in_memory() -> Result<Self> {
        Self::with_tables(Connection::open_in_memory()?)
    }

    fn with_tables(mut connection: Connection) -> Result<Self> {
        // Immediately a writer, so that two new kernels make the tables one after the other; and a file that cannot be
        // written is found out here.
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        match transaction.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            0 => {
                transaction.execute_batch(TABLES)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            later => {
                let message = format!("it has been written by a later version of Boucle (format {later})");
                return Err(rusqlite::Error::ToSqlConversionFailure(message.into()));
            }
        }
        transaction.commit()?;
        Ok(Self { connection, session: None })
    }

    /// Adds a line to the session, or replaces it.
    pub(super) fn add_input(&mut self, line: i64, source: &str) -> Result<()> {
        let session = self.begin_session()?;
        let sql = "INSERT OR REPLACE INTO history (session, line, source) VALUES (?, ?, ?)";
        self.connection.execute(sql, params![session, line, source]).map(drop)
    }

    /// Adds what a line has shown as its value.
    pub(super) fn add_output(&mut self, line: i64, output: &str) -> Result<()> {
        let session = self.begin_session()?;
        let sql = "UPDATE history SET output = ? WHERE session = ? AND line = ?";
        self.connection.execute(sql, params![output, session, line]).map(drop)
    }

    fn begin_session(&mut self) -> Result<i64> {
        if let Some(session) = self.session {
            return Ok(session);
        }
        let start = Timestamp::now().to_string();
        self.connection.execute("INSERT INTO sessions (start) VALUES (?)", [start])?;
        Ok(*self.session.insert(self.connection.last_insert_rowid()))
    }

    /// The lines that `query` asks for, in the order in which they were typed.
    pub(super) fn find(&self, query: &Query) -> Result<Vec<Entry>> {
        match &query.access {
            Access::Tail => self.latest("history", [], query.limit),
            Access::Search { pattern, unique } => {
                // Of equal lines the latest: SQLite takes the other columns from the row that has the maximum.
                let lines = match unique {
                    false => "history WHERE source GLOB ?",
                    true => {
                        "(SELECT *, max(session * 4294967296 + line) FROM history WHERE source GLOB ? GROUP BY source)"
                    }
                };
                self.latest(lines, [pattern.clone().into()], query.limit)
            }
            Access::Range { session, start, stop } => self.range(*session, *start, *stop),
        }
    }

    /// The last `limit` of these lines, or all of them.
    fn latest<const N: usize>(&self, lines: &str, parameters: [Value; N], limit: Option<u32>) -> Result<Vec<Entry>> {
        let sql = format!("SELECT session, line, source, output FROM {lines} ORDER BY session DESC, line DESC LIMIT ?");
        // A negative limit is none.
        let limit = limit.map_or(-1, i64::from);
        let mut statement = self.connection.prepare(&sql)?;
        let parameters = params_from_iter(parameters.into_iter().chain([limit.into()]));
        let mut found = statement.query_map(parameters, entry)?.collect::<Result<Vec<_>>>()?;
        found.reverse();
        Ok(found)
    }

    /// The lines of one session from `start` up to but not including `stop`. Session 0 is this one, -1 the one before;
    /// so are, for this session, negative lines counted from its end.
    fn range(&self, asked: i64, start: i64, stop: Option<i64>) -> Result<Vec<Entry>> {
        let session = if asked > 0 { asked } else { self.number()? + asked };
        let (start, stop) = match asked {
            0 => {
                let sql = "SELECT coalesce(max(line), 0) + 1 FROM history WHERE session = ?";
                let end: i64 = self.connection.query_row(sql, [session], |row| row.get(0))?;
                let from_end = |line: i64| if line < 0 { line + end } else { line };
                (from_end(start), stop.filter(|stop| *stop != 0).map(from_end))
            }
            _ => (start, stop),
        };
        let sql = "SELECT session, line, source, output FROM history
            WHERE session = ? AND line >= ? AND line < ? ORDER BY line";
        let mut statement = self.connection.prepare(sql)?;
        let found = statement.query_map([session, start, stop.unwrap_or(i64::MAX)], entry)?;
        // Who asks for this session need not know its number.
        found.map(|found| found.map(|entry| if asked == 0 { Entry { session: 0, ..entry } } else { entry })).collect()
    }

    /// The number of this session: the next one, as long as it has no lines.
    fn number(&self) -> Result<i64> {
        match self.session {
            Some(session) => Ok(session),
            None => {
                let sql = "SELECT coalesce(max(session), 0) + 1 FROM sessions";
                self.connection.query_row(sql, [], |row| row.get(0))
            }
        }
    }
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry { session: row.get(0)?, line: row.get(1)?, source: row.get(2)?, output: row.get(3)? })
}

#[cfg(test)]
impl Store {
    pub(super) fn connection_for_tests(&self) -> &Connection {
        &self.connection
    }
}
