(ns client-today
  "com.datomic/client-pro 1.0.77: the tutorial, and every operation with the errors that it can have."
  (:require [checks :refer [check check= refused unsent]] [clojure.core.async :as a] [datomic.client.api :as d]
            [datomic.client.api.async :as async] [tutorial]))

(def types-schema
  (for [t [:string :boolean :long :bigint :float :double :bigdec :ref :instant :uuid :uri :bytes :keyword :symbol]]
    {:db/ident (keyword "v" (name t)) :db/valueType (keyword "db.type" (name t)) :db/cardinality :db.cardinality/one}))

(def values
  {:v/string "žluťoučký \uD83D\uDE00 ~tilde ^hat" :v/boolean false :v/long Long/MAX_VALUE
   :v/bigint 123456789012345678901234567890N :v/double 1.5 :v/bigdec 12.340M :v/instant #inst "2024-02-29T12:34:56.789Z"
   :v/uuid #uuid "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" :v/keyword :a/b :v/symbol 'c/d})

(defn round-trips [conn]
  (d/transact conn {:tx-data types-schema})
  (let [e (get-in (d/transact conn {:tx-data [(assoc values :db/id "v")]}) [:tempids "v"])
        db (d/db conn)
        pulled (d/pull db '[*] e)]
    (doseq [[k v] values]
      (check= (str "value of " k) v (get pulled k))
      (check= (str "query for " k) [[e]]
              (vec (d/q {:query '[:find ?e :in $ ?a ?v :where [?e ?a ?v]] :args [db k v]}))))
    (check= "scale of a bigdec" 3 (.scale ^java.math.BigDecimal (:v/bigdec pulled)))
    (d/transact conn {:tx-data [{:db/id e :v/uri (java.net.URI. "http://example.com/a?b") :v/float (float 0.1)
                                 :v/bytes (byte-array [1 2 -1])}]})
    (let [more (d/pull (d/db conn) [:v/uri :v/float :v/bytes] e)]
      (check= "uri" "http://example.com/a?b" (str (:v/uri more)))
      (check= "float" (double (float 0.1)) (double (:v/float more)))
      (check= "bytes" [1 2 -1] (vec (:v/bytes more))))))

(defn paging [conn]
  (d/transact conn {:tx-data [{:db/ident :n/i :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}]})
  (d/transact conn {:tx-data (for [i (range 2500)] {:n/i i})})
  (let [db (d/db conn) q '[:find ?i :where [_ :n/i ?i]]]
    (check= "all rows, in chunks" 2500 (count (d/q {:query q :args [db]})))
    (check= "small chunks" (range 2500) (sort (map first (d/q {:query q :args [db] :chunk 77}))))
    (check= "offset and limit" 13 (count (d/q {:query q :args [db] :offset 5 :limit 13})))
    (check= "offset beyond the end" 0 (count (d/q {:query q :args [db] :offset 9999})))
    (check= "datoms: the default limit" 1000 (count (seq (d/datoms db {:index :avet :components [:n/i]}))))
    (check= "datoms: no limit" (range 2500) (map :v (d/datoms db {:index :avet :components [:n/i] :limit -1 :chunk 100})))
    (check= "datoms: offset" [1000 1001] (map :v (d/datoms db {:index :avet :components [:n/i] :offset 1000 :limit 2})))
    (check= "index-range" [10 11 12] (map :v (d/index-range db {:attrid :n/i :start 10 :end 13})))
    (check= "index-pull" [{:n/i 5} {:n/i 6}]
            (d/index-pull db {:index :avet :selector [:n/i] :start [:n/i 5] :limit 2}))
    (check= "index-pull backwards" [{:n/i 5} {:n/i 4}]
            (d/index-pull db {:index :avet :selector [:n/i] :start [:n/i 5] :reverse true :limit 2}))
    (check= "qseq counts" 2500 (count (d/qseq {:query '[:find (pull ?e [:n/i]) :where [?e :n/i]] :args [db]})))
    (check= "qseq" (range 2500)
            (sort (map (comp :n/i first) (d/qseq {:query '[:find (pull ?e [:n/i]) :where [?e :n/i]] :args [db] :chunk 300}))))
    (let [half (d/datoms db {:index :avet :components [:n/i] :limit -1 :chunk 10})
          first-ten (doall (take 10 half))]
      (d/transact conn {:tx-data [{:n/i 99999}]})
      (check= "a write does not show in an iteration under way" (range 2500) (map :v half))
      (check= "the first ten" (range 10) (map :v first-ten)))))

(defn errors [client conn]
  (let [db (d/db conn)]
    (unsent "create-database" (d/create-database client {:db-name "new"}))
    (unsent "delete-database" (d/delete-database client {:db-name "hello"}))
    (unsent "administer-system" (d/administer-system client {:action :upgrade-schema :db-name "hello"}))
    (refused "pull on a history" "incorrect" (d/pull (d/history db) [:n/i] 17))
    (refused "a bad selector" "incorrect" (d/pull db [:n/i 5] 17))
    (refused "a bad lookup ref" "incorrect" (d/pull db [:n/i] [:movie/year 1985]))
    (refused "index-range of nothing" "incorrect" (doall (d/index-range db {:attrid :no/such :start 1})))
    (refused "avet without index" "incorrect" "attribute-not-indexed"
             (doall (d/datoms db {:index :avet :components [:movie/genre]})))
    (refused "index-pull of a scalar" "incorrect" (doall (d/index-pull db {:index :aevt :selector [:n/i] :start [:movie/genre]})))
    (refused "insufficient binding" "incorrect" "insufficient-binding"
             (d/q {:query '[:find ?e :where [?e ?a ?v]] :args [db]}))
    (refused "an unknown function" "incorrect" (d/q {:query '[:find ?x :where [_ :n/i ?y] [(no.such/fn ?y) ?x]] :args [db]}))
    (refused "no database" "incorrect" (d/q {:query '[:find ?x :in ?x] :args [1]}))
    (refused "no query" "incorrect" (d/q {:query '[:find] :args [db]}))
    ;; The client's own timer is the same :timeout, and mostly says so first.
    (check "a query out of time" (#{:cognitect.anomalies/incorrect :cognitect.anomalies/interrupted}
                                  (try (d/q {:query '[:find (count ?b) :with ?a ?c ?d :where [?a :n/i] [?b :n/i] [?c :n/i] [?d :n/i]]
                                             :args [db] :timeout 700})
                                       (catch clojure.lang.ExceptionInfo e (:cognitect.anomalies/category (ex-data e))))))
    (refused "unique value" "conflict" "unique-conflict"
             (d/transact conn {:tx-data [[:db/add [:movie/title "Commando"] :movie/title "Repo Man"]]}))
    (refused "datoms conflict" "incorrect" "datoms-conflict"
             (d/transact conn {:tx-data [{:db/id "x" :n/i 1} {:db/id "x" :n/i 2}]}))
    (refused "not transaction data" "incorrect" "not-transaction-data" (d/transact conn {:tx-data [42]}))
    (refused "a function that isn't" "incorrect" "not-a-data-function" (d/transact conn {:tx-data [[:no/fn 1]]}))
    (check= "errors move nothing" (:t db) (:t (d/db conn)))))

(defn other-forms [conn]
  (let [db (d/db conn)]
    (check= "query as text" [["Repo Man"]]
            (vec (d/q {:query "[:find ?t :where [?e :movie/year 1984] [?e :movie/title ?t]]" :args [db]})))
    (check= "query as a map" [["Repo Man"]]
            (vec (d/q {:query '{:find [?t] :where [[?e :movie/year 1984] [?e :movie/title ?t]]} :args [db]})))
    (check= "return maps" [{:title "Repo Man"}]
            (vec (d/q {:query '[:find ?t :keys title :where [?e :movie/year 1984] [?e :movie/title ?t]] :args [db]})))
    (let [old (d/as-of db (ffirst (d/q {:query '[:find (min ?tx) :where [_ :movie/title "Commando" ?tx]] :args [db]})))]
      (check= "two databases" [["future governor" "thriller/action"]]
              (vec (d/q {:query '[:find ?new ?old :in $new $old
                                  :where [$new ?e :movie/title "Commando"] [$new ?e :movie/genre ?new] [$old ?e :movie/genre ?old]]
                         :args [db old]}))))
    (check= "relations as inputs" #{["Commando" 1] ["Repo Man" 2]}
            (set (d/q {:query '[:find ?t ?n :in $ [[?t ?n]] :where [_ :movie/title ?t]]
                       :args [db [["Commando" 1] ["Repo Man" 2] ["Nothing" 3]]]})))
    (check= "pull in find" #{[{:movie/title "Repo Man"}]}
            (set (d/q {:query '[:find (pull ?e [:movie/title]) :where [?e :movie/year 1984]] :args [db]})))
    ;; The client asks on by itself, with queries quoted inside queries, and shows the entity's attributes.
    (check= "a pull of :db/id alone, which makes the client navigate" #{:db/id :movie/title :movie/genre :movie/year}
            (set (keys (d/pull db [:db/id] [:movie/title "Repo Man"]))))
    (check= "sync waits for nothing that is there" (:t db) (:t (d/sync conn (:t db))))
    (let [s (d/q {:query '[:find ?t :where [?e :movie/title ?t]] :args [db] :query-stats true})]
      (check "query-stats" (and (= 3 (count (:ret s))) (:phases (:query-stats s)))))
    (let [s (d/q {:query '[:find ?t :where [?e :movie/title ?t]] :args [db] :io-context :test/io})]
      (check= "io-stats" :test/io (:io-context (:io-stats s))))
    (let [a (d/with-db conn)
          b1 (:db-after (d/with a {:tx-data [{:movie/title "One"}]}))
          b2 (:db-after (d/with a {:tx-data [{:movie/title "Two"}]}))
          titles '[:find ?t :in $ [?t ...] :where [_ :movie/title ?t]]]
      (check= "with branches apart" [[["One"]] [["Two"]]]
              (mapv #(vec (d/q {:query titles :args [% ["One" "Two"]]})) [b1 b2]))
      (check= "two with values in one query" [["One" "Two"]]
              (vec (d/q {:query '[:find ?a ?b :in $a $b :where [$a ?x :movie/title ?a] [(= ?a "One")] [$b ?y :movie/title ?b] [(= ?b "Two")]]
                         :args [b1 b2]}))))))

(defn asynchronous [config]
  (let [client (async/client config)
        conn (a/<!! (async/connect client {:db-name "hello"}))
        all (fn [ch] (a/<!! (a/into [] ch)))
        r (a/<!! (async/transact conn {:tx-data [{:movie/title "Async"}]}))
        db (async/db conn)
        db (if (satisfies? clojure.core.async.impl.protocols/ReadPort db) (a/<!! db) db)]
    (check= "async transact" 2 (count (:tx-data r)))
    (check= "async q" [[["Async"]]] (all (async/q {:query '[:find ?t :in $ ?t :where [_ :movie/title ?t]] :args [(:db-after r) "Async"]})))
    (check= "async chunks" [100 100 50]
            (map count (all (async/q {:query '[:find ?i :where [_ :n/i ?i] [(< ?i 250)]] :args [(:db-after r)] :chunk 100}))))
    (check= "async datoms" [[3 4]]
            (map #(map :v %) (all (async/datoms (:db-after r) {:index :avet :components [:n/i] :offset 3 :limit 2}))))
    (check= "async pull" {:movie/title "Async"} (a/<!! (async/pull (:db-after r) {:selector [:movie/title] :eid [:movie/title "Async"]})))
    (check= "async error" :cognitect.anomalies/incorrect
            (:cognitect.anomalies/category (a/<!! (async/transact conn {:tx-data [{:no/such 1}]}))))
    (check= "async error of a chunked operation" [:cognitect.anomalies/incorrect]
            (map :cognitect.anomalies/category (all (async/q {:query '[:find ?x :where [_ :n/i]] :args [(:db-after r)]}))))
    (check "async tx-range" (pos? (count (all (async/tx-range conn {:start (:t (:db-before r))})))))))

(let [[endpoint key secret cert] *command-line-args*
      config {:server-type :peer-server :access-key key :secret secret :endpoint endpoint :validate-hostnames false
              :trust-certs [(slurp cert)]}
      client (d/client config)
      conn (tutorial/run client)]
  (round-trips conn)
  (paging conn)
  (other-forms conn)
  (errors client conn)
  (asynchronous config)
  (let [stranger (d/client (assoc config :secret "wrong"))]
    (refused "a wrong secret" "forbidden" (d/connect stranger {:db-name "hello"})))
  (checks/done))
