-- Every reference holds the practice too: no row can point at another practice's, whatever a program does wrong.
-- What is there is checked too, one reference at a time: an upgrade stops, unchanged, at the first that is not so.

ALTER TABLE call ADD CONSTRAINT call_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE queue ADD CONSTRAINT queue_tenant_id_id_key UNIQUE (tenant_id, id);
ALTER TABLE voice_agent ADD CONSTRAINT voice_agent_tenant_id_id_key UNIQUE (tenant_id, id);

ALTER TABLE agent_setting
  DROP CONSTRAINT agent_setting_person_id_fkey,
  ADD CONSTRAINT agent_setting_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE agent_state
  DROP CONSTRAINT agent_state_person_id_fkey,
  ADD CONSTRAINT agent_state_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE call
  DROP CONSTRAINT call_line_id_fkey,
  ADD CONSTRAINT call_tenant_id_line_id_fkey
    FOREIGN KEY (tenant_id, line_id) REFERENCES line (tenant_id, id) NOT VALID,
  DROP CONSTRAINT call_queue_id_fkey,
  ADD CONSTRAINT call_tenant_id_queue_id_fkey
    FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id) NOT VALID,
  DROP CONSTRAINT call_merged_into_fkey,
  ADD CONSTRAINT call_tenant_id_merged_into_fkey
    FOREIGN KEY (tenant_id, merged_into) REFERENCES call (tenant_id, id) DEFERRABLE INITIALLY DEFERRED NOT VALID;
ALTER TABLE call_handling
  DROP CONSTRAINT call_handling_call_id_fkey,
  ADD CONSTRAINT call_handling_tenant_id_call_id_fkey
    FOREIGN KEY (tenant_id, call_id) REFERENCES call (tenant_id, id) NOT VALID,
  DROP CONSTRAINT call_handling_person_id_fkey,
  ADD CONSTRAINT call_handling_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID,
  DROP CONSTRAINT call_handling_queue_id_fkey,
  ADD CONSTRAINT call_handling_tenant_id_queue_id_fkey
    FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id) NOT VALID;
ALTER TABLE call_note
  DROP CONSTRAINT call_note_call_id_fkey,
  ADD CONSTRAINT call_note_tenant_id_call_id_fkey
    FOREIGN KEY (tenant_id, call_id) REFERENCES call (tenant_id, id) NOT VALID,
  DROP CONSTRAINT call_note_person_id_fkey,
  ADD CONSTRAINT call_note_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE desk_phone
  DROP CONSTRAINT desk_phone_person_id_fkey,
  ADD CONSTRAINT desk_phone_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE emergency_alarm
  DROP CONSTRAINT emergency_alarm_acknowledged_by_fkey,
  ADD CONSTRAINT emergency_alarm_tenant_id_acknowledged_by_fkey
    FOREIGN KEY (tenant_id, acknowledged_by) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE message
  DROP CONSTRAINT message_call_id_fkey,
  ADD CONSTRAINT message_tenant_id_call_id_fkey
    FOREIGN KEY (tenant_id, call_id) REFERENCES call (tenant_id, id) NOT VALID;
ALTER TABLE person_language
  DROP CONSTRAINT person_language_person_id_fkey,
  ADD CONSTRAINT person_language_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE person_skill
  DROP CONSTRAINT person_skill_person_id_fkey,
  ADD CONSTRAINT person_skill_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE prompt_recording
  DROP CONSTRAINT prompt_recording_made_by_fkey,
  ADD CONSTRAINT prompt_recording_tenant_id_made_by_fkey
    FOREIGN KEY (tenant_id, made_by) REFERENCES person (tenant_id, id) NOT VALID;
ALTER TABLE queue_member
  DROP CONSTRAINT queue_member_person_id_fkey,
  ADD CONSTRAINT queue_member_tenant_id_person_id_fkey
    FOREIGN KEY (tenant_id, person_id) REFERENCES person (tenant_id, id) NOT VALID,
  DROP CONSTRAINT queue_member_queue_id_fkey,
  ADD CONSTRAINT queue_member_tenant_id_queue_id_fkey
    FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id) NOT VALID;
ALTER TABLE recording
  DROP CONSTRAINT recording_call_id_fkey,
  ADD CONSTRAINT recording_tenant_id_call_id_fkey
    FOREIGN KEY (tenant_id, call_id) REFERENCES call (tenant_id, id) NOT VALID;
ALTER TABLE surge
  DROP CONSTRAINT surge_began_by_fkey,
  ADD CONSTRAINT surge_tenant_id_began_by_fkey
    FOREIGN KEY (tenant_id, began_by) REFERENCES person (tenant_id, id) NOT VALID,
  DROP CONSTRAINT surge_ended_by_fkey,
  ADD CONSTRAINT surge_tenant_id_ended_by_fkey
    FOREIGN KEY (tenant_id, ended_by) REFERENCES person (tenant_id, id) NOT VALID,
  DROP CONSTRAINT surge_queue_id_fkey,
  ADD CONSTRAINT surge_tenant_id_queue_id_fkey
    FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id) NOT VALID;
ALTER TABLE voice_agent_failure
  DROP CONSTRAINT voice_agent_failure_agent_id_fkey,
  ADD CONSTRAINT voice_agent_failure_tenant_id_agent_id_fkey
    FOREIGN KEY (tenant_id, agent_id) REFERENCES voice_agent (tenant_id, id) NOT VALID;

-- The rows of every tenant are to be looked at; nobody else sees the tables before this is over.
DO $$
DECLARE one text;
BEGIN
  FOREACH one IN ARRAY ARRAY[
    'agent_setting', 'agent_state', 'call', 'call_handling', 'call_note', 'desk_phone', 'emergency_alarm', 'line',
    'message', 'person', 'person_language', 'person_skill', 'prompt_recording', 'queue', 'queue_member', 'recording',
    'surge', 'voice_agent', 'voice_agent_failure'
  ] LOOP
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', one);
  END LOOP;
END $$;

ALTER TABLE agent_setting VALIDATE CONSTRAINT agent_setting_tenant_id_person_id_fkey;
ALTER TABLE agent_state VALIDATE CONSTRAINT agent_state_tenant_id_person_id_fkey;
ALTER TABLE call VALIDATE CONSTRAINT call_tenant_id_line_id_fkey;
ALTER TABLE call VALIDATE CONSTRAINT call_tenant_id_queue_id_fkey;
ALTER TABLE call VALIDATE CONSTRAINT call_tenant_id_merged_into_fkey;
ALTER TABLE call_handling VALIDATE CONSTRAINT call_handling_tenant_id_call_id_fkey;
ALTER TABLE call_handling VALIDATE CONSTRAINT call_handling_tenant_id_person_id_fkey;
ALTER TABLE call_handling VALIDATE CONSTRAINT call_handling_tenant_id_queue_id_fkey;
ALTER TABLE call_note VALIDATE CONSTRAINT call_note_tenant_id_call_id_fkey;
ALTER TABLE call_note VALIDATE CONSTRAINT call_note_tenant_id_person_id_fkey;
ALTER TABLE desk_phone VALIDATE CONSTRAINT desk_phone_tenant_id_person_id_fkey;
ALTER TABLE emergency_alarm VALIDATE CONSTRAINT emergency_alarm_tenant_id_acknowledged_by_fkey;
ALTER TABLE message VALIDATE CONSTRAINT message_tenant_id_call_id_fkey;
ALTER TABLE person_language VALIDATE CONSTRAINT person_language_tenant_id_person_id_fkey;
ALTER TABLE person_skill VALIDATE CONSTRAINT person_skill_tenant_id_person_id_fkey;
ALTER TABLE prompt_recording VALIDATE CONSTRAINT prompt_recording_tenant_id_made_by_fkey;
ALTER TABLE queue_member VALIDATE CONSTRAINT queue_member_tenant_id_person_id_fkey;
ALTER TABLE queue_member VALIDATE CONSTRAINT queue_member_tenant_id_queue_id_fkey;
ALTER TABLE recording VALIDATE CONSTRAINT recording_tenant_id_call_id_fkey;
ALTER TABLE surge VALIDATE CONSTRAINT surge_tenant_id_began_by_fkey;
ALTER TABLE surge VALIDATE CONSTRAINT surge_tenant_id_ended_by_fkey;
ALTER TABLE surge VALIDATE CONSTRAINT surge_tenant_id_queue_id_fkey;
ALTER TABLE voice_agent_failure VALIDATE CONSTRAINT voice_agent_failure_tenant_id_agent_id_fkey;

DO $$
DECLARE one text;
BEGIN
  FOREACH one IN ARRAY ARRAY[
    'agent_setting', 'agent_state', 'call', 'call_handling', 'call_note', 'desk_phone', 'emergency_alarm', 'line',
    'message', 'person', 'person_language', 'person_skill', 'prompt_recording', 'queue', 'queue_member', 'recording',
    'surge', 'voice_agent', 'voice_agent_failure'
  ] LOOP
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', one);
  END LOOP;
END $$;
