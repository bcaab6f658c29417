-- What `taskflow doctor` asks.

-- name: ids_of_runs
SELECT id FROM runs;

-- name: check_integrity
PRAGMA integrity_check;
