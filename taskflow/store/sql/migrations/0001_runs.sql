-- One row for each run: what history lists, who drives it, what is needed to start it again.
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    pipeline TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL NOT NULL DEFAULT 0,
    ended REAL NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    file TEXT NOT NULL,
    entry TEXT NOT NULL,
    parent TEXT NOT NULL,
    given BLOB NOT NULL,
    params TEXT NOT NULL,              -- JSON, as are the next four
    "values" TEXT NOT NULL,
    secrets TEXT NOT NULL,
    tags TEXT NOT NULL,
    counts TEXT NOT NULL DEFAULT '{}',
    settings BLOB NOT NULL,            -- encoded
    why TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '',
    epoch INTEGER NOT NULL,
    stalled INTEGER NOT NULL DEFAULT 0,
    pid INTEGER NOT NULL,              -- of the owner, as are the next four; 0: nobody drives it
    pid_started INTEGER NOT NULL,
    boot TEXT NOT NULL,
    host TEXT NOT NULL,
    since REAL NOT NULL
);
CREATE INDEX runs_by_time ON runs (created);

-- One go at a run. Rows of what happened in it have `id << 32 | sequence` as their own id, so those
-- of a trace lie together, in their order, without an index.
CREATE TABLE traces (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,              -- runs.number
    number INTEGER NOT NULL,
    graph BLOB NOT NULL,
    codes BLOB NOT NULL,               -- encoded
    reasons TEXT NOT NULL,             -- JSON
    time REAL NOT NULL,
    UNIQUE (run, number)
);

-- Sources of modules; their texts are kept once, by content.
CREATE TABLE sources (
    trace INTEGER NOT NULL,
    module TEXT NOT NULL,
    path TEXT NOT NULL,
    is_package INTEGER NOT NULL,
    text INTEGER NOT NULL,             -- texts.id
    PRIMARY KEY (trace, module)
) WITHOUT ROWID;
CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    text BLOB NOT NULL
);

-- The pairs of call path and task name of a trace: `trace << 32 | place`.
CREATE TABLE places (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    name TEXT NOT NULL
);

-- How task runs, spans of map elements and questions of the engine's ended.
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    node INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    ask INTEGER NOT NULL,
    state INTEGER NOT NULL,            -- 4 succeeded, 5 cached, 6 failed, 7 crashed, 8 timed_out,
    nth INTEGER NOT NULL,              -- 9 upstream_failed, 10 skipped, 11 cancelled
    attempt INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    ended REAL NOT NULL,
    seconds REAL NOT NULL,
    kept INTEGER NOT NULL,             -- 1: it did not run in this trace
    coded INTEGER NOT NULL,            -- 0: the value is these bytes; 1: it is encoded
    value BLOB,
    digests BLOB,
    preview TEXT,
    more BLOB                          -- encoded: what few of them have
);
CREATE INDEX bad_outcomes ON outcomes (id) WHERE state BETWEEN 6 AND 8;

-- How many task runs of a place ended alike, so that nobody has to count them.
CREATE TABLE tallies (
    trace INTEGER NOT NULL,
    place INTEGER NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    seconds REAL NOT NULL,
    ended REAL NOT NULL,
    PRIMARY KEY (trace, place, state)
) WITHOUT ROWID;

-- Who names which file of a value: an outcome or an entry of the cache. `home` is the id of the run
-- in whose folder the file is.
CREATE TABLE files (
    home TEXT NOT NULL,
    name TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    cached TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (home, name, outcome, cached)
) WITHOUT ROWID;
CREATE INDEX files_by_outcome ON files (outcome);
CREATE INDEX files_by_entry ON files (cached);

-- Attempts that were not the last of their task run.
CREATE TABLE tries (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    element INTEGER NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    failures INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    due REAL NOT NULL,
    ended REAL NOT NULL,
    seconds REAL NOT NULL,
    more BLOB
);

-- Batches that were given to slots, while the run goes on.
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    time REAL NOT NULL,
    units BLOB NOT NULL
);

-- Processes that serve the slots of a run, while it goes on.
CREATE TABLE workers (
    run INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    boot TEXT NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (run, pid, started)
) WITHOUT ROWID;

-- What tasks wrote.
CREATE TABLE written (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    time REAL NOT NULL,
    level INTEGER NOT NULL,
    logger TEXT NOT NULL,
    text TEXT NOT NULL
);

-- What others ask of the owner of a run.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    what TEXT NOT NULL
);

-- Results for other runs, and which run is about to compute one.
CREATE TABLE cache (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    run_id TEXT NOT NULL,
    task_key TEXT NOT NULL,
    time REAL NOT NULL,
    expires REAL NOT NULL,
    parts TEXT NOT NULL,               -- JSON
    coded INTEGER NOT NULL,
    value BLOB
);
CREATE INDEX cache_by_name ON cache (name, time);
CREATE TABLE claims (
    key TEXT PRIMARY KEY,
    run_id TEXT NOT NULL
) WITHOUT ROWID;

-- Facts about the store itself.
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
