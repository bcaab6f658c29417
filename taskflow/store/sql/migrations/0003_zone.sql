-- The time zone of the schedule that a run is one of.
ALTER TABLE runs ADD COLUMN zone TEXT NOT NULL DEFAULT '';
