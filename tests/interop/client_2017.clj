(ns client-2017
  "com.datomic/client-pro 0.8.14: the tutorial, over its own wire."
  (:require [checks :refer [check=]] [datomic.client.api :as d] [tutorial]))

(let [[endpoint key secret cert] *command-line-args*
      client (d/client {:server-type :peer-server :access-key key :secret secret :endpoint endpoint
                        :trust-certs [(slurp cert)]})
      conn (tutorial/run client)]
  (check= "a datom's transaction" 1
          (count (d/datoms (d/db conn) {:index :eavt :components [[:movie/title "Repo Man"] :movie/year]})))
  (checks/done))
