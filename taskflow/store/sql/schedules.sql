-- What is known of pipelines in folders, their schedules and ticks.

-- name: put_file
INSERT OR REPLACE INTO pipeline_files (path, folder, digest, parts, error, seconds, time)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: remove_file
DELETE FROM pipeline_files WHERE path = ?;

-- name: files
SELECT path, digest, parts, error, time FROM pipeline_files WHERE folder = ? ORDER BY path;

-- name: folders
SELECT DISTINCT folder FROM pipeline_files ORDER BY folder;

-- name: home_of_pipeline
SELECT pipelines.file FROM pipelines JOIN pipeline_files ON pipeline_files.path = pipelines.file
WHERE name = ? AND NOT is_gone;

-- name: put_pipeline
INSERT OR REPLACE INTO pipelines (name, file, folder, version, is_gone, max_active, facts, time)
VALUES (?, ?, ?, ?, 0, ?, ?, ?);

-- name: pipelines
SELECT name, pipelines.file, version, is_gone, max_active, facts, pipelines.time,
       coalesce(pipeline_files.error, '')
FROM pipelines LEFT JOIN pipeline_files ON pipeline_files.path = pipelines.file
WHERE (:folder = '' OR pipelines.folder = :folder) AND (:name = '' OR name = :name)
ORDER BY name;

-- name: pipelines_of_file
SELECT name FROM pipelines WHERE file = ? AND NOT is_gone;

-- name: retire_pipeline
UPDATE pipelines SET is_gone = 1 WHERE name = ?;

-- name: retire_schedules
UPDATE schedules SET is_gone = 1
WHERE pipeline = ? AND id NOT IN (SELECT value FROM json_each(?));

-- name: has_version
SELECT 1 FROM version_sources WHERE version = ? LIMIT 1;

-- name: add_version_source
INSERT OR IGNORE INTO version_sources (version, module, path, is_package, text)
VALUES (?, ?, ?, ?, (SELECT id FROM texts WHERE digest = ?));

-- name: version_sources
SELECT version_sources.module, version_sources.path, texts.text, version_sources.is_package
FROM version_sources JOIN texts ON texts.id = version_sources.text
WHERE version = ? ORDER BY module;

-- name: schedules_changed
INSERT INTO facts (name, value) VALUES ('schedules changed', '1')
ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1;

-- name: schedule
SELECT planned, pipeline, decided, is_paused, is_gone FROM schedules WHERE id = ?;

-- name: put_schedule
INSERT INTO schedules (id, pipeline, is_gone, is_paused, planned, decided)
VALUES (?, ?, 0, 0, ?, ?)
ON CONFLICT DO UPDATE SET pipeline = excluded.pipeline, is_gone = 0, planned = excluded.planned,
                          decided = excluded.decided;

-- name: schedules
SELECT schedules.planned, schedules.pipeline, schedules.decided, schedules.is_paused,
       schedules.is_gone
FROM schedules JOIN pipelines ON pipelines.name = schedules.pipeline
WHERE :folder = '' OR pipelines.folder = :folder
ORDER BY schedules.id;

-- name: pause_schedule
UPDATE schedules SET is_paused = ? WHERE id = ?;

-- name: decide_schedule
UPDATE schedules SET decided = ? WHERE id = ?;

-- name: follow
INSERT OR IGNORE INTO follows (schedule, pipeline) VALUES (?, ?);

-- name: unfollow
DELETE FROM follows WHERE schedule = ? AND pipeline NOT IN (SELECT value FROM json_each(?));

-- name: note_success
UPDATE follows SET run = (SELECT id FROM runs WHERE number = :run)
WHERE pipeline = (SELECT pipeline FROM runs WHERE number = :run AND version <> '');

-- name: ready_followers
SELECT schedule FROM follows GROUP BY schedule HAVING min(run) <> '';

-- name: followed_runs
SELECT run FROM follows WHERE schedule = ? ORDER BY pipeline;

-- name: forget_successes
UPDATE follows SET run = '' WHERE schedule = ?;

-- name: standing
SELECT schedules.planned, schedules.pipeline, schedules.decided, schedules.is_paused,
       schedules.is_gone, pipelines.facts
FROM schedules JOIN pipelines ON pipelines.name = schedules.pipeline
WHERE schedules.id = ?;

-- name: open_runs_of_schedule
SELECT id, state, number FROM runs INDEXED BY open_runs
WHERE (state IN ('queued', 'running', 'paused') OR why = 'interrupt')
  AND pipeline = ? AND schedule = ? ORDER BY number;

-- name: add_tick
INSERT OR IGNORE INTO ticks (schedule, instant, until, many, run, why, decided)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: run_of_tick
SELECT run FROM ticks WHERE schedule = ? AND instant = ?;

-- name: set_tick
INSERT OR REPLACE INTO ticks (schedule, instant, until, many, run, why, decided)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: forget_skips_after
DELETE FROM ticks WHERE schedule = ? AND until > ? AND run = '';

-- name: ticks
SELECT ticks.schedule, instant, until, many, run, ticks.why, decided, coalesce(state, '')
FROM ticks LEFT JOIN runs ON runs.id = ticks.run
WHERE ticks.schedule = ? ORDER BY instant DESC LIMIT ?;

-- name: last_ticks
SELECT ticks.schedule, max(instant), until, many, run, ticks.why, decided, coalesce(state, '')
FROM ticks JOIN runs ON runs.id = ticks.run GROUP BY ticks.schedule;

-- name: old_ticks
DELETE FROM ticks WHERE decided < ? AND run NOT IN (SELECT id FROM runs);

-- name: add_queued_run
INSERT INTO runs (
    id, pipeline, state, created, file, entry, parent, given, params, "values", secrets, tags,
    settings, epoch, pid, pid_started, boot, host, since, schedule, tick, previous, version
) VALUES (?, ?, 'queued', ?, ?, ?, '', ?, ?, ?, ?, ?, ?, 0, 0, 0, '', '', 0, ?, ?, ?, ?);

-- name: open_runs
SELECT number, id, state, epoch, stalled, pid, pid_started, boot, host, since, settings, pipeline,
       version, ended, schedule
FROM runs INDEXED BY open_runs
WHERE (state IN ('queued', 'running', 'paused') OR why = 'interrupt') AND version <> ''
ORDER BY number;

-- name: limits_of_pipelines
SELECT name, max_active FROM pipelines;

-- name: end_queued_run
UPDATE runs SET state = ?, ended = ?, why = ?, error = ?, pid = 0 WHERE number = ?;

-- name: remove_versions
DELETE FROM version_sources
WHERE version NOT IN (SELECT version FROM pipelines)
  AND version NOT IN (
    SELECT version FROM runs
    WHERE state IN ('queued', 'running', 'paused') OR why = 'interrupt'
  );

-- name: waiting_runs
SELECT 1 FROM runs INDEXED BY open_runs
WHERE (state IN ('queued', 'running', 'paused') OR why = 'interrupt') AND version <> '' LIMIT 1;

-- name: end_unstarted
UPDATE runs SET state = 'failed', ended = ?, error = ?, pid = 0
WHERE id = ? AND epoch = ? AND state = 'queued';
