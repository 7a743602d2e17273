-- A database as migration 0001 left it, with rows: what upgrades start from. Made once by pg_dump; never changed.

CREATE FUNCTION public.careline_lookup(fn regprocedure, VARIADIC tables regclass[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  tbl regclass;
BEGIN
  FOREACH tbl IN ARRAY tables LOOP
    EXECUTE format('GRANT SELECT ON %s TO careline_lookup', tbl);
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = tbl) AND NOT EXISTS (
      SELECT FROM pg_policy WHERE polrelid = tbl AND polname = 'cross_tenant_lookup') THEN
      EXECUTE format('CREATE POLICY cross_tenant_lookup ON %s FOR SELECT TO careline_lookup USING (true)', tbl);
    END IF;
  END LOOP;
  EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', fn);
  EXECUTE format('ALTER FUNCTION %s SET search_path = public, pg_temp', fn);
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', fn);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO careline_app', fn);
  EXECUTE format('ALTER FUNCTION %s OWNER TO careline_lookup', fn);
END $$;

CREATE FUNCTION public.careline_tenant_table(tbl regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
  EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET DEFAULT current_setting(''app.tenant'')::int', tbl);
  EXECUTE format('CREATE POLICY tenant_only ON %s TO careline_app, careline_owner'
                 ' USING (tenant_id = current_setting(''app.tenant'')::int)'
                 ' WITH CHECK (tenant_id = current_setting(''app.tenant'')::int)', tbl);
  EXECUTE format('GRANT %s ON %s TO careline_app', privileges, tbl);
END $$;

CREATE TABLE public.event (
    id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    tenant_id integer DEFAULT (current_setting('app.tenant'::text))::integer NOT NULL,
    stream text NOT NULL,
    stream_id uuid NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    person_id uuid
);

ALTER TABLE ONLY public.event FORCE ROW LEVEL SECURITY;

ALTER TABLE public.event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lease (
    name text NOT NULL,
    holder text NOT NULL,
    token bigint NOT NULL,
    until timestamp with time zone NOT NULL,
    backend_pid integer NOT NULL,
    backend_start timestamp with time zone NOT NULL
);

CREATE TABLE public.outbox_cursor (
    name text NOT NULL,
    xid xid8 NOT NULL,
    id bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.tenant (
    id integer NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    kind text DEFAULT 'administrative'::text NOT NULL,
    zone text DEFAULT 'America/New_York'::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT tenant_kind_check CHECK ((kind = ANY (ARRAY['administrative'::text, 'integrated'::text]))),
    CONSTRAINT tenant_name_check CHECK ((name <> ''::text)),
    CONSTRAINT tenant_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

ALTER TABLE public.tenant ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tenant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.timer (
    id uuid NOT NULL,
    due timestamp with time zone NOT NULL,
    kind text NOT NULL,
    ref uuid NOT NULL,
    tenant_id integer NOT NULL,
    body jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempts integer DEFAULT 0 NOT NULL
);

--
-- Data for Name: event; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.event OVERRIDING SYSTEM VALUE VALUES (1, '3', '2026-02-28 12:00:00+00', 1, 'call', '00000000-0000-4000-8000-000000000001', 'call.arrived', '{"n": 0}', NULL);
INSERT INTO public.event OVERRIDING SYSTEM VALUE VALUES (2, '3', '2026-02-28 12:00:00+00', 2, 'call', '00000000-0000-4000-8000-000000000002', 'call.arrived', '{"n": 1}', NULL);
INSERT INTO public.event OVERRIDING SYSTEM VALUE VALUES (3, '3', '2026-02-28 12:00:00+00', 1, 'call', '00000000-0000-4000-8000-000000000003', 'call.answered', '{"n": 2}', NULL);
INSERT INTO public.event OVERRIDING SYSTEM VALUE VALUES (4, '3', '2026-02-28 12:00:00+00', 2, 'call', '00000000-0000-4000-8000-000000000004', 'call.answered', '{"n": 3}', NULL);
INSERT INTO public.event OVERRIDING SYSTEM VALUE VALUES (5, '3', '2026-02-28 12:00:00+00', 1, 'call', '00000000-0000-4000-8000-000000000005', 'call.ended', '{"n": 4}', NULL);
INSERT INTO public.event OVERRIDING SYSTEM VALUE VALUES (6, '3', '2026-02-28 12:00:00+00', 2, 'call', '00000000-0000-4000-8000-000000000006', 'call.ended', '{"n": 5}', NULL);

--
-- Data for Name: lease; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.lease VALUES ('callcontrol', 'old:1:aa', 7, '2026-03-01 00:00:00+00', 1, '2026-03-01 00:00:00+00');

--
-- Data for Name: outbox_cursor; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox_cursor VALUES ('mailer', '3', 4, '2026-03-01 00:00:00+00');

--
-- Data for Name: schema_migration; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.schema_migration VALUES (1, 'platform', '10913bb3a571a4aa4449aa6d0427e10ddd361874eec9758a8f569fc7d620af96', '2026-01-05 09:00:00+00');

--
-- Data for Name: tenant; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tenant OVERRIDING SYSTEM VALUE VALUES (1, 'lakeside', 'Lakeside Health', 'integrated', 'America/Chicago', '2026-01-05 09:00:00+00');
INSERT INTO public.tenant OVERRIDING SYSTEM VALUE VALUES (2, 'harbor', 'Harbor Answering', 'administrative', 'America/New_York', '2026-02-01 09:00:00+00');

--
-- Data for Name: timer; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.timer VALUES ('01a2095d-5da2-7ce2-ad78-fb099dbf23a3', '2026-03-01 00:00:00+00', 'message.escalate', '00000000-0000-4000-8000-000000000063', 1, '{"level": 1}', 0);

SELECT pg_catalog.setval('public.event_id_seq', 6, true);

SELECT pg_catalog.setval('public.tenant_id_seq', 2, true);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.outbox_cursor
    ADD CONSTRAINT outbox_cursor_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenant
    ADD CONSTRAINT tenant_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.timer
    ADD CONSTRAINT timer_pkey PRIMARY KEY (id);

CREATE INDEX event_kind ON public.event USING btree (tenant_id, kind, at);

CREATE INDEX event_order ON public.event USING btree (xid, id);

CREATE INDEX event_stream ON public.event USING btree (tenant_id, stream, stream_id, id);

CREATE INDEX timer_due ON public.timer USING btree (due, id);

CREATE INDEX timer_ref ON public.timer USING btree (ref, kind);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

ALTER TABLE ONLY public.timer
    ADD CONSTRAINT timer_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenant(id);

ALTER TABLE public.event ENABLE ROW LEVEL SECURITY;

CREATE POLICY relay_reads ON public.event FOR SELECT TO careline_relay USING (true);

CREATE POLICY tenant_only ON public.event TO careline_owner, careline_app USING ((tenant_id = (current_setting('app.tenant'::text))::integer)) WITH CHECK ((tenant_id = (current_setting('app.tenant'::text))::integer));


GRANT SELECT,INSERT ON TABLE public.event TO careline_app;
GRANT SELECT ON TABLE public.event TO careline_relay;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO careline_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lease TO careline_relay;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_cursor TO careline_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_cursor TO careline_relay;

GRANT SELECT ON TABLE public.schema_migration TO careline_app;
GRANT SELECT ON TABLE public.schema_migration TO careline_relay;

GRANT SELECT,INSERT,UPDATE ON TABLE public.tenant TO careline_app;
GRANT SELECT ON TABLE public.tenant TO careline_relay;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.timer TO careline_app;
