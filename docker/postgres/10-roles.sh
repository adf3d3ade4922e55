#!/bin/bash
# Runs once, when the database is empty: two roles and one database, passwords from files.
# gliomon_owner owns the database and migrates; gliomon_app reads and writes and owns nothing.
set -euo pipefail

export OWNER_PASSWORD_FILE="${OWNER_PASSWORD_FILE:-/run/secrets/owner_password}"
export APP_PASSWORD_FILE="${APP_PASSWORD_FILE:-/run/secrets/app_password}"
for file in "$OWNER_PASSWORD_FILE" "$APP_PASSWORD_FILE"; do
  if [[ ! -s "$file" ]]; then
    echo "$file is missing or empty: run docker/make-secrets first." >&2
    exit 1
  fi
done

# psql reads the passwords itself: they are no arguments that other processes could see.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set app_password `cat "$APP_PASSWORD_FILE"`
CREATE ROLE gliomon_owner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE gliomon_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS PASSWORD :'app_password';
CREATE DATABASE gliomon OWNER gliomon_owner;
REVOKE ALL ON DATABASE gliomon FROM PUBLIC;
GRANT CONNECT ON DATABASE gliomon TO gliomon_app;
SQL
