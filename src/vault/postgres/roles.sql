-- In one transaction, or not at all, and never twice at the same time.
SET LOCAL postkey.transaction = 'yes';
SET LOCAL client_min_messages = warning;
DO $$
BEGIN
  IF current_setting('postkey.transaction', TRUE) IS DISTINCT FROM 'yes' THEN
    RAISE 'this is for one transaction: run psql with -1';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('postkey'));
END $$;

-- Roles belong to the whole cluster: another database may have made them. None can log in; people
-- and servers get roles of their own that are members.
DO $$
DECLARE
  wanted TEXT;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['owner', 'viewer', 'auditor', 'operator', 'keeper', 'checker', 'mail']
  LOOP
    BEGIN
      IF to_regrole('postkey_' || wanted) IS NULL THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', 'postkey_' || wanted);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- made for another database at the same time
    END;
  END LOOP;
  -- A keeper can do whatever an operator can.
  IF NOT pg_has_role('postkey_keeper', 'postkey_operator', 'MEMBER') THEN
    GRANT postkey_operator TO postkey_keeper;
  END IF;
  -- Whoever is no superuser makes what belongs to the owner as a member.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT postkey_owner TO %I', current_user);
  END IF;
END $$;

-- Nobody else's schema of that name is touched, and no newer one.
DO $$
DECLARE
  found BIGINT;
BEGIN
  IF EXISTS (SELECT FROM pg_namespace
             WHERE nspname = 'postkey' AND nspowner <> 'postkey_owner'::regrole) THEN
    RAISE 'the schema postkey belongs to another role than postkey_owner';
  END IF;
  IF to_regclass('postkey.about') IS NOT NULL THEN
    EXECUTE 'SELECT version FROM postkey.about' INTO found;
    IF found <> 11 THEN
      RAISE 'the schema here has version %, and this is for version 11', found;
    END IF;
  END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS postkey AUTHORIZATION postkey_owner;
SET LOCAL ROLE postkey_owner;
SET LOCAL search_path = postkey;
