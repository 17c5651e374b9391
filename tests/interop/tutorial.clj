(ns tutorial
  "What both the client of 2017 and today's do: connect, install a schema, add, query, look back in time."
  (:require [checks :refer [check check= refused]] [datomic.client.api :as d]))

(def movie-schema
  [{:db/ident :movie/title :db/valueType :db.type/string :db/cardinality :db.cardinality/one
    :db/unique :db.unique/identity :db/doc "The title of the movie"}
   {:db/ident :movie/genre :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/doc "The genre"}
   {:db/ident :movie/year :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true
    :db/doc "The year the movie was released"}
   {:db/ident :movie/sequel :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}])

(def movies
  [{:movie/title "The Goonies" :movie/genre "action/adventure" :movie/year 1985}
   {:movie/title "Commando" :movie/genre "thriller/action" :movie/year 1985}
   {:movie/title "Repo Man" :movie/genre "punk dystopia" :movie/year 1984}])

(defn run [client]
  (check "list-databases" (some #{"hello"} (d/list-databases client {})))
  (refused "connect to nothing" "not-found" (d/connect client {:db-name "nowhere"}))
  (let [conn (d/connect client {:db-name "hello"})
        before (d/db conn)]
    (check "a fresh basis" (pos? (:t before)))
    (check= "the connection knows its name" "hello" (:db-name conn))
    (let [r (d/transact conn {:tx-data movie-schema})]
      (check "transact answers databases" (< (:t (:db-before r)) (:t (:db-after r))))
      (check "tx-data begins with the transaction's instant" (inst? (:v (first (:tx-data r)))))
      (check "datoms have five parts" (every? #(= 5 (count %)) (:tx-data r)))
      (check= "one tempid a map" 4 (count (:tempids r))))
    (let [r (d/transact conn {:tx-data movies})
          after (:db-after r)]
      (check= "ten datoms" 10 (count (:tx-data r)))
      (check "reads its own write" (>= (:t (d/db conn)) (:t after)))
      (check= "all titles" #{["The Goonies"] ["Commando"] ["Repo Man"]}
              (set (d/q {:query '[:find ?t :where [_ :movie/title ?t]] :args [(d/db conn)]})))
      (check= "titles of a year" #{["The Goonies"] ["Commando"]}
              (set (d/q {:query '[:find ?t :in $ ?y :where [?e :movie/year ?y] [?e :movie/title ?t]]
                         :args [(d/db conn) 1985]})))
      (check= "the database before has none" []
              (vec (d/q {:query '[:find ?e :where [?e :movie/year 1984]] :args [(d/as-of (d/db conn) (:t (:db-before r)))]})))
      (check= "pull by lookup ref" {:movie/genre "punk dystopia" :movie/year 1984}
              (d/pull (d/db conn) {:selector [:movie/genre :movie/year] :eid [:movie/title "Repo Man"]})))
    (let [e (ffirst (d/q {:query '[:find ?e :where [?e :movie/title "Commando"]] :args [(d/db conn)]}))
          r (d/transact conn {:tx-data [{:db/id e :movie/genre "future governor"}]})
          now (d/db conn)
          old (:t (:db-before r))]
      (check= "upsert and replace: three datoms" 3 (count (:tx-data r)))
      (check= "now" "future governor" (:movie/genre (d/pull now [:movie/genre] e)))
      (check= "as of then" "thriller/action" (:movie/genre (d/pull (d/as-of now old) [:movie/genre] e)))
      (check= "since then" [["future governor"]]
              (vec (d/q {:query '[:find ?g :in $ ?e :where [?e :movie/genre ?g]] :args [(d/since now old) e]})))
      (check= "history" #{["thriller/action" true] ["thriller/action" false] ["future governor" true]}
              (set (d/q {:query '[:find ?g ?op :in $ ?e :where [?e :movie/genre ?g _ ?op]] :args [(d/history now) e]})))
      (check= "datoms" [["The Goonies"] ["Commando"]]
              (map (fn [x] [(:movie/title (d/pull now [:movie/title] (:e x)))])
                   (d/datoms now {:index :avet :components [:movie/year 1985]})))
      (check= "index-range" [1984] (map :v (d/index-range now {:attrid :movie/year :start 1980 :end 1985})))
      (check= "tx-range" (:t (:db-after r)) (:t (last (d/tx-range conn {:start old}))))
      (check "db-stats" (pos? (:datoms (d/db-stats now))))
      (let [wdb (d/with-db conn)
            w (d/with wdb {:tx-data [{:movie/title "Aliens" :movie/year 1986}]})]
        (check= "with sees its own" [[1986]]
                (vec (d/q {:query '[:find ?y :where [?e :movie/title "Aliens"] [?e :movie/year ?y]] :args [(:db-after w)]})))
        (check= "with changes nothing else" []
                (vec (d/q {:query '[:find ?e :where [?e :movie/title "Aliens"]] :args [(d/db conn)]})))
        (check= "with on with" 5
                (ffirst (d/q {:query '[:find (count ?e) :where [?e :movie/title]]
                              :args [(:db-after (d/with (:db-after w) {:tx-data [{:movie/title "Alien 3"}]}))]}))))
      (check= "aggregates" [[1985 2]]
              (vec (d/q {:query '[:find ?y (count ?e) :where [?e :movie/year ?y] [(> ?y 1984)]] :args [now]})))
      (check= "rules" #{["Repo Man"]}
              (set (d/q {:query '[:find ?t :in $ % :where (old ?e) [?e :movie/title ?t]]
                         :args [now '[[(old ?e) [?e :movie/year ?y] [(< ?y 1985)]]]]})))
      (refused "a wrong type" "incorrect" "wrong-type-for-attribute"
               (d/transact conn {:tx-data [{:movie/title 42}]}))
      (refused "an unknown attribute" "incorrect" "not-an-entity"
               (d/transact conn {:tx-data [{:movie/none 42}]}))
      (refused "cas that loses" "conflict" "cas-failed"
               (d/transact conn {:tx-data [[:db/cas e :movie/year 1 2]]}))
      (refused "an unbound variable" "incorrect"
               (d/q {:query '[:find ?x :where [_ :movie/title ?t]] :args [now]}))
      (refused "a find spec that clients don't have" "incorrect"
               (d/q {:query '[:find ?t . :where [_ :movie/title ?t]] :args [now]})))
    conn))
