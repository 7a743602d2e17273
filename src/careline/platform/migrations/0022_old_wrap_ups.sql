-- Handlings that nobody closed: where a wrap-up was optional or on request, an agent who left the call without one kept
-- an open handling, and with it the right to look at the caller's patients. What was left more than a day ago and is not
-- being wrapped up now ended when the agent left. Tenant by tenant, as row-level security wants it.
DO $$
DECLARE one int;
BEGIN
  FOR one IN SELECT id FROM tenant LOOP
    PERFORM set_config('app.tenant', one::text, true);
    UPDATE call_handling h SET wrapped_up_at = h.left_at
    WHERE h.wrapped_up_at IS NULL AND h.left_at < now() - interval '1 day'
      AND NOT EXISTS (SELECT FROM agent_state s
                      WHERE s.person_id = h.person_id AND s.call_id = h.call_id AND s.status = 'wrap_up');
  END LOOP;
END $$;
