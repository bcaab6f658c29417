-- What the owner of a run writes.

-- name: add_run
INSERT INTO runs (
    id, pipeline, state, created, file, entry, parent, given, params, "values", secrets, tags,
    settings, epoch, pid, pid_started, boot, host, since
) VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?);

-- name: epoch_of
SELECT epoch, pid FROM runs WHERE number = ?;

-- name: owner_of
SELECT number, state, epoch, stalled, pid, pid_started, boot, host, since, settings
FROM runs WHERE id = ?;

-- name: own
UPDATE runs
SET epoch = epoch + 1, stalled = ?,
    pid = ?, pid_started = ?, boot = ?, host = ?, since = ?
WHERE number = ?;

-- name: disown
UPDATE runs SET pid = 0 WHERE number = ? AND epoch = ?;

-- name: end_run
UPDATE runs
SET state = CASE  -- a service goes on later with a run of its own that a signal has ended
        WHEN version <> '' AND :why = 'interrupt' THEN 'interrupted' ELSE :state
    END,
    ended = :ended, seconds = :seconds, counts = :counts, why = :why, error = :error,
    result = :result, at_work = '', stalled = 0, pid = 0
WHERE number = :number;

-- name: forget_workers
DELETE FROM workers WHERE run = ?;

-- name: forget_requests
DELETE FROM requests WHERE run = ?;

-- name: forget_claims
DELETE FROM claims WHERE run_id = ?;

-- name: forget_batches
DELETE FROM batches WHERE id BETWEEN ? AND ?;

-- name: last_trace
SELECT id, number FROM traces WHERE run = ? ORDER BY number DESC LIMIT 1;

-- name: last_own_outcome
SELECT id FROM outcomes WHERE id BETWEEN ? AND ? AND NOT kept ORDER BY id DESC LIMIT 1;

-- name: workers_of
SELECT pid, started, boot FROM workers WHERE run = ?;

-- name: add_trace
INSERT INTO traces (run, number, graph, codes, reasons, time)
VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM traces WHERE run = ?), ?, ?, ?, ?);

-- name: set_reasons
UPDATE traces SET reasons = ? WHERE id = ?;

-- name: run_started
UPDATE runs
SET state = 'running', started = CASE WHEN started THEN started ELSE ? END, at_work = ''
WHERE number = ?;

-- name: add_text
INSERT OR IGNORE INTO texts (digest, text) VALUES (?, ?);

-- name: add_source
INSERT INTO sources (trace, module, path, is_package, text)
VALUES (?, ?, ?, ?, (SELECT id FROM texts WHERE digest = ?));

-- name: digest
UPDATE outcomes SET digests = ? WHERE id = ?;

-- name: add_place
INSERT INTO places (id, path, name) VALUES (?, ?, ?);

-- name: add_outcome
INSERT INTO outcomes (
    id, place, node, first, count, ask, state, nth, attempt, slot, ended, seconds, kept, coded,
    value
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_full_outcome
INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_task
INSERT INTO outcomes (
    id, place, node, nth, slot, ended, seconds, value, first, count, ask, state, attempt, kept,
    coded
) SELECT *, -1, 1, 0, 4, 1, 0, 0 FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?));

-- name: add_tally
INSERT INTO tallies (trace, place, state, count, kept, seconds, ended)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE
SET count = count + excluded.count,
    kept = kept + excluded.kept,
    seconds = seconds + excluded.seconds,
    ended = max(ended, excluded.ended);

-- name: add_file
INSERT OR REPLACE INTO files (home, name, outcome, cached, size) VALUES (?, ?, ?, ?, ?);

-- name: add_try
INSERT INTO tries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_batch
INSERT INTO batches (id, slot, batch, time, units) VALUES (?, ?, ?, ?, ?);

-- name: add_worker
INSERT OR REPLACE INTO workers (run, pid, started, slot, boot, time) VALUES (?, ?, ?, ?, ?, ?);

-- name: set_at_work
UPDATE runs SET at_work = ? WHERE number = ?;

-- name: add_written
INSERT INTO written (id, key, time, level, logger, text) VALUES (?, ?, ?, ?, ?, ?);

-- name: add_request
INSERT INTO requests (run, what) VALUES (?, ?);

-- name: requests
SELECT id, run, what FROM requests ORDER BY id;

-- name: forget_request
DELETE FROM requests WHERE id = ?;

-- name: add_cached
INSERT OR REPLACE INTO cache (key, name, run_id, task_key, time, expires, parts, coded, value)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: claimed
SELECT run_id FROM claims WHERE key = ?;

-- name: add_claim
INSERT OR REPLACE INTO claims (key, run_id) VALUES (?, ?);

-- name: forget_claim
DELETE FROM claims WHERE key = ?;

-- name: release_claim
DELETE FROM claims WHERE key = ? AND run_id = ?;

-- name: fact
SELECT value FROM facts WHERE name = ?;

-- name: set_fact
INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?);
