-- Run in that database, after the table is made; choose another password.
create role datomic login password 'datomic';
grant select, insert, update, delete on datomic_kvs to datomic;
