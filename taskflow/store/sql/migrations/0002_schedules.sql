-- A run may be one of a schedule's, and one of a version of its code that is kept here.
ALTER TABLE runs ADD COLUMN schedule TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN tick REAL;          -- the instant that it was due, and the one before
ALTER TABLE runs ADD COLUMN previous REAL;
ALTER TABLE runs ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0;  -- so many of it at once; 0: none
CREATE INDEX open_runs ON runs (state, pipeline, schedule, pid)
WHERE state IN ('queued', 'running', 'paused', 'interrupted');
CREATE INDEX free_runs ON runs (pipeline, state, backfill, schedule, ended, pid, version)
WHERE state IN ('queued', 'running', 'paused', 'interrupted') AND version <> '' AND pid = 0;
CREATE INDEX runs_of_schedules ON runs (schedule, tick) WHERE schedule <> '';

-- Files of pipelines, as they were last read. A file that cannot be read has an error; what it
-- had before goes on.
CREATE TABLE pipeline_files (
    path TEXT PRIMARY KEY,
    folder TEXT NOT NULL,
    digest TEXT NOT NULL,
    parts TEXT NOT NULL,               -- JSON: by path, digests of all sources that it is read from
    error TEXT NOT NULL,
    seconds REAL NOT NULL,
    time REAL NOT NULL
) WITHOUT ROWID;

-- Pipelines of these files.
CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    file TEXT NOT NULL,
    folder TEXT NOT NULL,
    version TEXT NOT NULL,
    is_gone INTEGER NOT NULL,          -- 1: its file has it no more
    max_active INTEGER,
    facts BLOB NOT NULL,               -- encoded: the rest of what is known
    time REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX pipelines_by_file ON pipelines (file);

-- The sources of a version; their texts are those of `texts`.
CREATE TABLE version_sources (
    version TEXT NOT NULL,
    module TEXT NOT NULL,
    path TEXT NOT NULL,
    is_package INTEGER NOT NULL,
    text INTEGER NOT NULL,             -- texts.id
    PRIMARY KEY (version, module)
) WITHOUT ROWID;

CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    pipeline TEXT NOT NULL,
    is_gone INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    planned BLOB NOT NULL,             -- encoded
    decided REAL NOT NULL              -- of all its ticks up to here it is known what became
) WITHOUT ROWID;
CREATE INDEX schedules_by_pipeline ON schedules (pipeline);

-- What became of each tick: at most one run. A row may be for many ticks that nobody started.
CREATE TABLE ticks (
    schedule TEXT NOT NULL,
    instant REAL NOT NULL,
    until REAL NOT NULL,               -- the last of them
    many INTEGER NOT NULL,             -- 0: so many that nobody counted
    run TEXT NOT NULL,                 -- id; empty: skipped
    why TEXT NOT NULL,
    decided REAL NOT NULL,
    PRIMARY KEY (schedule, instant)
) WITHOUT ROWID;

-- Which schedules wait for the success of which pipelines, and the successes that none of their
-- ticks has answered.
CREATE TABLE follows (
    schedule TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    PRIMARY KEY (schedule, pipeline)
) WITHOUT ROWID;
CREATE INDEX follows_by_pipeline ON follows (pipeline);
CREATE TABLE successes (
    number INTEGER PRIMARY KEY,
    schedule TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    run TEXT NOT NULL,                 -- id
    UNIQUE (schedule, run)
);

-- Which processes look after which folder.
CREATE TABLE services (
    folder TEXT NOT NULL,
    pid INTEGER NOT NULL,
    pid_started INTEGER NOT NULL,
    boot TEXT NOT NULL,
    host TEXT NOT NULL,
    since REAL NOT NULL
);
