-- Run as root, for MySQL and MariaDB: mysql < bin/sql/mysql-db.sql
create database if not exists datomic character set utf8mb4;
