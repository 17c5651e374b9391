-- Run in that database: psql -f bin/sql/postgres-table.sql datomic
create table if not exists datomic_kvs (
    id text primary key,
    rev integer,
    map text,
    val bytea
);
