-- Run in that database: mysql datomic < bin/sql/mysql-table.sql
create table if not exists datomic_kvs (
    id varchar(255) character set ascii collate ascii_bin primary key,
    rev integer,
    map text,
    val longblob
);
