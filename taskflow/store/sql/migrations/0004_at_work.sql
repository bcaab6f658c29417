-- What a run is at, as JSON: the bodies that go on for long.
ALTER TABLE runs ADD COLUMN at_work TEXT NOT NULL DEFAULT '';
