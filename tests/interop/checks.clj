(ns checks
  "Named checks that print a line each; the Python side reads the lines.")

(def failed (atom 0))

(defn report [ok name detail]
  (when-not ok (swap! failed inc))
  (println (if ok "PASS" "FAIL") (str name) (if ok "" (let [s (pr-str detail)] (subs s 0 (min 600 (count s))))))
  (flush))

(defmacro check
  "Passes when the expression is true."
  [name expr]
  `(try (let [r# ~expr] (report (boolean r#) ~name '~expr))
        (catch Throwable t# (report false ~name (str t# " " (pr-str (ex-data t#)))))))

(defmacro check=
  "Passes when the expression equals the expected value."
  [name expected expr]
  `(try (let [e# ~expected r# ~expr] (report (= e# r#) ~name {:expected e# :actual r#}))
        (catch Throwable t# (report false ~name (str t# " " (pr-str (ex-data t#)))))))

(defmacro refused
  "Passes when the expression throws an anomaly of the category (a name) and, where given, the :db/error (a name)."
  ([name category expr] `(refused ~name ~category nil ~expr))
  ([name category error expr]
   `(try (let [r# ~expr] (report false ~name {:expected ~category :returned r#}))
         (catch clojure.lang.ExceptionInfo t#
           (let [d# (ex-data t#)]
             (report (and (= (keyword "cognitect.anomalies" ~category) (:cognitect.anomalies/category d#))
                          (string? (:cognitect.anomalies/message d#))
                          (or (nil? ~error) (= (keyword "db.error" (str ~error)) (:db/error d#))))
                     ~name d#))))))

(defmacro unsent
  "Passes when this client does not have the operation at all, so that nothing reaches the server."
  [name expr]
  `(try (let [r# ~expr] (report false ~name {:returned r#}))
        (catch AbstractMethodError _# (report true ~name nil))
        (catch Throwable t# (report false ~name (str t#)))))

(defn done []
  (println "DONE" @failed)
  (flush)
  (shutdown-agents)
  (System/exit 0))
