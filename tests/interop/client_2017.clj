(ns client-2017
  "com.datomic/client-pro 0.8.14: the tutorial, over its own wire."
  (:require [checks :refer [check=]] [datomic.client.api :as d] [tutorial]))

(let [[endpoint key secret cert] *command-line-args*
      client (d/client {:server-type :peer-server :access-key key :secret secret :endpoint endpoint
                        :trust-certs [(slurp cert)]})
      conn (tutorial/run client)]
  (check= "a datom's transaction" 1
          (count (d/datoms (d/db conn) {:index :eavt :components [[:movie/title "Repo Man"] :movie/year]})))
  (let [db (d/db conn)
        [datom] (d/datoms db {:index :eavt :components [[:movie/title "Repo Man"] :movie/year]})
        of-tx (fn [tx] (count (d/datoms db {:index :eavt :components [(:e datom) (:a datom) (:v datom) tx]})))]
    (check= "a fourth component" [1 0] [(of-tx (:tx datom)) (of-tx (inc (:tx datom)))]))
  (checks/done))
