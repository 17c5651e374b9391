-- Run as a superuser: psql -f bin/sql/postgres-db.sql postgres
create database datomic with encoding = 'UTF8' template = template0;
