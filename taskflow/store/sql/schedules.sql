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

-- name: homes_of
SELECT file, folder FROM pipelines WHERE name = :name AND NOT is_gone
UNION ALL
SELECT pipelines.file, pipelines.folder
FROM schedules JOIN pipelines ON pipelines.name = schedules.pipeline
WHERE schedules.id = :name AND schedules.pipeline NOT IN (:owner, :name)
  AND NOT schedules.is_gone AND NOT pipelines.is_gone;

-- name: followed
SELECT schedules.pipeline, follows.pipeline
FROM follows JOIN schedules ON schedules.id = follows.schedule
WHERE NOT schedules.is_gone;

-- name: file_elsewhere
SELECT file FROM pipelines WHERE name = ? AND folder <> ? AND file <> ? AND NOT is_gone;

-- name: read_anew
UPDATE pipeline_files SET digest = '', parts = ? WHERE path = ?;

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

-- name: forget_unfollowed
DELETE FROM successes WHERE schedule = ? AND pipeline NOT IN (SELECT value FROM json_each(?));

-- name: note_success
INSERT OR IGNORE INTO successes (schedule, pipeline, run)
SELECT follows.schedule, runs.pipeline, runs.id
FROM runs JOIN follows ON follows.pipeline = runs.pipeline
JOIN schedules ON schedules.id = follows.schedule
WHERE runs.number = ? AND runs.version <> '' AND NOT schedules.is_gone;

-- name: unknown_followed
SELECT follows.schedule, follows.pipeline
FROM follows JOIN schedules ON schedules.id = follows.schedule
WHERE NOT schedules.is_gone
  AND follows.pipeline NOT IN (SELECT name FROM pipelines WHERE NOT is_gone)
ORDER BY follows.schedule, follows.pipeline;

-- name: ready_followers
SELECT DISTINCT successes.schedule
FROM successes JOIN schedules ON schedules.id = successes.schedule
WHERE NOT is_gone AND NOT is_paused
  AND (:folder = ''
       OR schedules.pipeline IN (SELECT name FROM pipelines WHERE folder = :folder))
  AND NOT EXISTS (
    SELECT 1 FROM follows
    WHERE follows.schedule = successes.schedule AND pipeline NOT IN (
        SELECT pipeline FROM successes AS others WHERE others.schedule = follows.schedule
    )
);

-- name: successes
SELECT successes.run, runs.ended
FROM successes LEFT JOIN runs ON runs.id = successes.run
WHERE successes.schedule = ? ORDER BY successes.number;

-- name: forget_successes
DELETE FROM successes WHERE schedule = ?;

-- name: standing
SELECT schedules.planned, schedules.pipeline, schedules.decided, schedules.is_paused,
       schedules.is_gone, pipelines.file, pipelines.facts
FROM schedules JOIN pipelines ON pipelines.name = schedules.pipeline
WHERE schedules.id = ?;

-- name: open_runs_of_schedule
SELECT id, state, number FROM runs INDEXED BY open_runs
WHERE state IN ('queued', 'running', 'paused', 'interrupted') AND pipeline = ? AND schedule = ?
  AND NOT backfill
ORDER BY number;

-- name: add_tick
INSERT OR IGNORE INTO ticks (schedule, instant, until, many, run, why, decided)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: set_tick
INSERT OR REPLACE INTO ticks (schedule, instant, until, many, run, why, decided)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: forget_last_skip
DELETE FROM ticks
WHERE schedule = :schedule AND instant <= :instant AND until >= :instant AND run = '' AND many = 1;

-- name: leave_out_tick
UPDATE ticks
SET many = max(many - 1, 0), instant = instant + iif(instant = :instant, 0.001, 0)
WHERE schedule = :schedule AND instant <= :instant AND until >= :instant AND run = ''
  AND NOT EXISTS (
    SELECT 1 FROM ticks AS others
    WHERE others.schedule = :schedule AND others.instant = :instant AND others.run <> ''
);

-- name: instants_of_runs
SELECT instant FROM ticks WHERE schedule = ? AND instant > ? AND run <> '' ORDER BY instant;

-- name: skipped_over
SELECT instant, why FROM ticks
WHERE schedule = :schedule AND instant <= :now AND until > :now AND run = '';

-- name: forget_skips_after
DELETE FROM ticks WHERE schedule = ? AND until > ? AND run = '';

-- name: ticks
SELECT ticks.schedule, instant, until, many, run, ticks.why, decided, coalesce(state, '')
FROM ticks LEFT JOIN runs ON runs.id = ticks.run
WHERE ticks.schedule = ? ORDER BY instant DESC LIMIT ?;

-- name: runs_between
SELECT ticks.schedule, instant, until, many, run, ticks.why, decided, coalesce(state, '')
FROM ticks LEFT JOIN runs ON runs.id = ticks.run
WHERE ticks.schedule = ? AND instant BETWEEN ? AND ? AND run <> '' ORDER BY instant;

-- name: last_ticks
SELECT ticks.schedule, max(instant), until, many, run, ticks.why, decided, coalesce(state, '')
FROM ticks JOIN runs ON runs.id = ticks.run GROUP BY ticks.schedule;

-- name: old_ticks
DELETE FROM ticks WHERE decided < ? AND run NOT IN (SELECT id FROM runs);

-- name: add_queued_run
INSERT INTO runs (
    id, pipeline, state, created, file, entry, parent, given, params, "values", secrets, tags,
    settings, epoch, pid, pid_started, boot, host, since, schedule, tick, previous, zone, version,
    backfill
) VALUES (?, ?, 'queued', ?, ?, ?, '', ?, ?, ?, ?, ?, ?, 0, 0, 0, '', '', 0, ?, ?, ?, ?, ?, ?);

-- name: owned_runs
SELECT state = 'queued', number, pipeline, backfill, schedule, id, pid, pid_started, boot, host,
       since
FROM runs INDEXED BY open_runs
WHERE state IN ('queued', 'running', 'paused', 'interrupted') AND version <> '' AND pid <> 0
  AND (:folder = '' OR pipeline IN (SELECT name FROM pipelines WHERE folder = :folder));

-- name: free_runs
SELECT state = 'queued', number, pipeline, backfill, schedule
FROM runs INDEXED BY free_runs
WHERE state IN ('queued', 'running', 'paused', 'interrupted') AND version <> '' AND pid = 0
  AND NOT (state = 'paused' AND ended > :paused_after AND ended <= :now)
  AND (:folder = '' OR pipeline IN (SELECT name FROM pipelines WHERE folder = :folder));

-- name: holdup
SELECT mine.pipeline, mine.backfill,
    (SELECT max_active FROM pipelines WHERE name = mine.pipeline),
    (SELECT count(*) FROM runs INDEXED BY open_runs
     WHERE state IN ('queued', 'running', 'paused', 'interrupted') AND version <> ''
       AND pid <> 0 AND pipeline = mine.pipeline
       AND iif(mine.backfill, backfill AND schedule = mine.schedule, NOT backfill)),
    (SELECT count(*) FROM runs INDEXED BY free_runs
     WHERE state IN ('queued', 'running', 'paused', 'interrupted') AND version <> '' AND pid = 0
       AND pipeline = mine.pipeline AND state = 'queued' AND (NOT backfill) = (NOT mine.backfill)
       AND number < mine.number)
FROM runs AS mine WHERE id = ? AND state = 'queued' AND version <> '' AND pid = 0;

-- name: limits_of_pipelines
SELECT name, max_active FROM pipelines
WHERE max_active IS NOT NULL AND name IN (
    SELECT pipeline FROM runs INDEXED BY open_runs
    WHERE state IN ('queued', 'running', 'paused', 'interrupted')
);

-- name: run_to_begin
SELECT id, pipeline, version, epoch, state, stalled FROM runs WHERE number = ?;

-- name: end_queued_run
UPDATE runs SET state = ?, ended = ?, why = ?, error = ?, pid = 0, epoch = epoch + 1
WHERE number = ?;

-- name: remove_versions
DELETE FROM version_sources
WHERE version NOT IN (SELECT version FROM pipelines)
  AND version NOT IN (
    SELECT version FROM runs WHERE state IN ('queued', 'running', 'paused', 'interrupted')
  );

-- name: end_unstarted
UPDATE runs SET state = 'failed', ended = ?, error = ?, pid = 0
WHERE id = ? AND epoch = ? AND state IN ('queued', 'running', 'paused', 'interrupted');

-- name: cancel_waiting
UPDATE runs SET state = 'cancelled', ended = ?, why = 'cancel', pid = 0, epoch = epoch + 1
WHERE number = ? AND state IN ('queued', 'paused', 'interrupted') AND version <> '';

-- name: add_service
INSERT INTO services (folder, pid, pid_started, boot, host, since) VALUES (?, ?, ?, ?, ?, ?);

-- name: remove_service
DELETE FROM services WHERE pid = ? AND pid_started = ? AND boot = ? AND host = ?;

-- name: services
SELECT folder, pid, pid_started, boot, host, since FROM services ORDER BY since;
