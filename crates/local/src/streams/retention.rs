//! How long the records of streams are kept. The embedded DynamoDB keeps them for ever, and looks through all of a
//! table's whenever one is added: an index and a trigger in its schema see to both, within the write itself.

use std::path::Path;

use dynoxide::storage::Storage;
use dynoxide::{Database, DynoxideError};

use crate::ids;
use crate::template::stack::Table;

/// A sequence number is the microsecond of its record, unless two fall into one.
///
/// - 24 hours, as at AWS: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
/// - 100 000 records of all tables, so that a load test does not fill the memory of a laptop.
const SCHEMA: &str = "
    CREATE INDEX IF NOT EXISTS arbiter_stream_records
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER));

    CREATE TRIGGER IF NOT EXISTS arbiter_stream_retention AFTER INSERT ON _stream_records BEGIN
        DELETE FROM _stream_records WHERE id <= NEW.id - 100000;
        DELETE FROM _stream_records WHERE table_name = NEW.table_name
            AND CAST(sequence_number AS INTEGER) < (NEW.created_at - 86400) * 1000000;
    END;

    DELETE FROM _stream_records WHERE table_name NOT IN (SELECT table_name FROM _tables WHERE stream_enabled = 1);";

/// Opens a database in memory whose streams are bounded.
///
/// # Errors
///
/// What the database says; a temporary file that cannot be written.
pub(crate) fn memory(tables: &[Table]) -> Result<Database, DynoxideError> {
    let database = Database::memory()?;
    if tables.iter().any(|table| table.stream().is_some()) {
        // The schema of a database in memory is reached by a snapshot alone.
        let snapshot = std::env::temp_dir().join(format!("arbiter-local-{}.sqlite", ids::uuid()));
        let restored =
            bound(&snapshot, tables).and_then(|()| database.restore_from(&snapshot.to_string_lossy()));
        for end in ["", "-wal", "-shm"] {
            let mut file = snapshot.clone().into_os_string();
            file.push(end);
            // Whichever of them there are.
            let _ = std::fs::remove_file(file);
        }
        restored?;
    }
    Ok(database)
}

/// Opens the database in `file`, whose streams are bounded. A stream that the template has no more, or with another
/// view, ends with its records.
///
/// # Errors
///
/// What the database says.
pub(crate) fn file(file: &Path, tables: &[Table]) -> Result<Database, DynoxideError> {
    if file.exists() || tables.iter().any(|table| table.stream().is_some()) {
        bound(file, tables)?;
    }
    Database::new(&file.to_string_lossy())
}

fn bound(file: &Path, tables: &[Table]) -> Result<(), DynoxideError> {
    let storage = Storage::new(&file.to_string_lossy())?;
    for stored in storage.list_stream_enabled_tables()? {
        let table = tables.iter().find(|table| table.name == stored.table_name);
        if table.and_then(Table::stream) != stored.stream_view_type.as_deref() {
            storage.disable_stream(&stored.table_name)?;
        }
    }
    Ok(storage.conn().execute_batch(SCHEMA)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::dynamodb::{execute, open};
    use crate::template::yaml::At;

    fn table(view: Option<&str>) -> Table {
        let mut definition = json!({
            "TableName": "local-T",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        if let Some(view) = view {
            definition["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
        }
        let at = At { file: "t".into(), line: 1 };
        Table { logical: "T".into(), name: "local-T".into(), definition, ttl: None, at }
    }

    fn put(database: &Database, id: &str) {
        let request = json!({ "TableName": "local-T", "Item": { "id": { "S": id } } });
        assert_eq!(execute(database, "PutItem", request.to_string().as_bytes()).status, 200);
    }

    /// The ids of all records.
    fn ids(database: &Database) -> Vec<Json> {
        let shard = super::super::shard::Shard::new(database.clone(), "local-T");
        let records = shard.read(None, 1_000, |_| true).unwrap().records;
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        records.iter().map(|record| json(&record.text)["dynamodb"]["Keys"]["id"]["S"].clone()).collect()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("arbiter-local-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn records_are_dropped_after_a_day_and_when_there_are_too_many() {
        let folder = folder("retention");
        let file = folder.join("d.sqlite");
        bound(&file, &[]).unwrap();
        let storage = Storage::new(&file.to_string_lossy()).unwrap();
        let day = 86_400;
        let add = |id: i64, at: i64| {
            let sequence = at * 1_000_000;
            let sql = format!(
                "INSERT INTO _stream_records (id, table_name, event_name, keys_json, sequence_number, shard_id, \
                 created_at) VALUES ({id}, 't', 'INSERT', '{{}}', '{sequence}', 's', {at})"
            );
            storage.conn().execute_batch(&sql).unwrap();
        };
        let kept = || storage.get_stream_records("t", "s", 0, 100).unwrap().len();
        add(1, day);
        add(2, day + 1);
        add(3, 2 * day);
        assert_eq!(kept(), 3);
        add(4, 2 * day + 1);
        assert_eq!(kept(), 3, "the first is older than a day");
        add(100_003, 2 * day + 1);
        assert_eq!(kept(), 2, "all but the last 100 000");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_write_looks_for_the_last_record_in_an_index() {
        let folder = folder("index");
        let file = folder.join("d.sqlite");
        bound(&file, &[]).unwrap();
        let storage = Storage::new(&file.to_string_lossy()).unwrap();
        // The query of dynoxide's next_stream_sequence_number.
        let plan: String = storage
            .conn()
            .query_row(
                "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 \
                 FROM _stream_records WHERE table_name = 't'",
                [],
                |row| row.get("detail"),
            )
            .unwrap();
        assert!(plan.contains("arbiter_stream_records"), "{plan}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_table_in_memory_has_its_stream() {
        let database = open(None, &[table(Some("KEYS_ONLY"))]).unwrap();
        put(&database, "a");
        put(&database, "b");
        assert_eq!(ids(&database), ["a", "b"]);
    }

    #[test]
    fn a_stored_table_gets_loses_and_changes_its_stream_with_the_template() {
        let folder = folder("stored");
        let file = folder.join("d.sqlite");
        for (view, before) in [
            (None, None),
            (Some("KEYS_ONLY"), Some(vec![])),
            (Some("KEYS_ONLY"), Some(vec!["x"])),
            (Some("NEW_IMAGE"), Some(vec![])),
            (None, None),
            (Some("NEW_IMAGE"), Some(vec![])),
        ] {
            let database = open(Some(&file), &[table(view)]).unwrap();
            if let Some(before) = before {
                assert_eq!(ids(&database), before, "{view:?}");
            }
            put(&database, "x");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
