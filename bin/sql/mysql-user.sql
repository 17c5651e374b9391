-- Run as root, after the table is made; choose another password, and the network that may connect.
create user if not exists 'datomic'@'%' identified by 'datomic';
grant select, insert, update, delete on datomic.datomic_kvs to 'datomic'@'%';
