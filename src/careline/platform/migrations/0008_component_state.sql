-- What each part of the installation says about itself, for the board's banner and `careline doctor`.
-- Infrastructure: no tenant and no patient data. A part that is killed cannot say so: `seen_at` grows old instead.

CREATE TABLE component_state (
  name text PRIMARY KEY,
  -- up, degraded, down
  state text NOT NULL CHECK (state IN ('up', 'degraded', 'down')),
  -- One plain sentence for people: what is the matter, what goes on, what to do.
  detail text NOT NULL DEFAULT '',
  since timestamptz NOT NULL,
  seen_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON component_state TO careline_app;
