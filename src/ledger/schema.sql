-- The ledger, format version 2: docs/formats/ledger.md says what each column means.
-- In SQLite's words; for PostgreSQL INTEGER, BLOB and the endings STRICT and WITHOUT ROWID are replaced.

-- One row: where the chain ends, and whose turn it is to write.
CREATE TABLE ledger (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  events INTEGER NOT NULL CHECK (events >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  writer INTEGER NOT NULL CHECK (writer >= 0)
) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject INTEGER NOT NULL,
  payload TEXT NOT NULL,
  former BLOB NOT NULL CHECK (length(former) = 32),
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE enrolments (
  number INTEGER PRIMARY KEY CHECK (number >= 1),
  model_id TEXT NOT NULL UNIQUE,
  releases INTEGER CHECK (releases >= 1),
  statement BLOB NOT NULL
) STRICT;

CREATE TABLE batches (
  number INTEGER PRIMARY KEY CHECK (number >= 0),
  enrolment INTEGER NOT NULL REFERENCES enrolments (number),
  stage TEXT NOT NULL,
  -- 1 until it is certified, then null: two batches cannot be open.
  open INTEGER UNIQUE CHECK (open = 1),
  plan BLOB NOT NULL
) STRICT;

CREATE TABLE requests (
  id INTEGER PRIMARY KEY CHECK (id >= 1),
  key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
  content BLOB NOT NULL CHECK (length(content) = 32),
  parameters BLOB NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  batch INTEGER REFERENCES batches (number),
  received INTEGER NOT NULL REFERENCES events (seq),
  changed INTEGER NOT NULL REFERENCES events (seq)
) STRICT;
CREATE INDEX requests_by_state ON requests (state, id);
CREATE INDEX requests_by_batch ON requests (batch, id) WHERE batch IS NOT NULL;

CREATE TABLE request_rows (
  request INTEGER NOT NULL REFERENCES requests (id),
  row_hash BLOB NOT NULL CHECK (length(row_hash) = 32),
  PRIMARY KEY (request, row_hash)
) STRICT, WITHOUT ROWID;

-- The primary key keeps a row from being erased twice.
CREATE TABLE erased_rows (
  row_hash BLOB NOT NULL PRIMARY KEY CHECK (length(row_hash) = 32),
  batch INTEGER NOT NULL REFERENCES batches (number)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunks (
  batch INTEGER NOT NULL REFERENCES batches (number),
  file TEXT NOT NULL,
  chunk INTEGER NOT NULL CHECK (chunk >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (batch, file, chunk)
) STRICT, WITHOUT ROWID;

-- One release a batch, and none of its number a second time: no noise is drawn twice.
CREATE TABLE releases (
  batch INTEGER PRIMARY KEY REFERENCES batches (number),
  enrolment INTEGER NOT NULL REFERENCES enrolments (number),
  release INTEGER NOT NULL CHECK (release >= 1),
  parameters_hash BLOB NOT NULL CHECK (length(parameters_hash) = 32),
  certificate BLOB NOT NULL,
  annex BLOB NOT NULL,
  noise_hash BLOB NOT NULL CHECK (length(noise_hash) = 32),
  UNIQUE (enrolment, release)
) STRICT;

-- Wiped when the batch is certified.
CREATE TABLE sealed_noise (
  batch INTEGER PRIMARY KEY REFERENCES releases (batch),
  noise BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoints (
  event INTEGER PRIMARY KEY REFERENCES events (seq),
  model_id TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  releases INTEGER NOT NULL CHECK (releases >= 0),
  signature BLOB NOT NULL
) STRICT;
