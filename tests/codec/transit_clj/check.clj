;; What transit-clj and Clojure's EDN reader say about the cases of a file, one case a line.
;;   transit IN OUT   a line: EDN \t json as hex \t msgpack as hex (ours; - for none)
;;                    answer: json \t msgpack \t json-verbose (theirs, hex) \t ours read back equal, true or false, twice
;;   edn IN OUT       a line: EDN text as an EDN string; answer: pr-str of what Clojure read, or !error
(require '[clojure.edn :as edn] '[clojure.string :as str] '[cognitect.transit :as t])
(import '(java.io ByteArrayInputStream ByteArrayOutputStream) '(java.util Base64))

(defn hex [^bytes b] (let [s (StringBuilder.)] (doseq [x b] (.append s (format "%02x" x))) (str s)))
(defn unhex [^String s] (byte-array (map #(unchecked-byte (Integer/parseInt (apply str %) 16)) (partition 2 s))))
(def readers {'uri #(java.net.URI. %) 'bytes #(.decode (Base64/getDecoder) ^String %) 'float #(Float/parseFloat %)})
(defn unknown [tag form] (com.cognitect.transit.TransitFactory/taggedValue (str tag) form))

(defn norm
  "Byte arrays, transit URIs and the classes of numbers, made comparable with =."
  [x]
  (cond (bytes? x) [::bytes (vec x)]
        (or (instance? java.net.URI x) (instance? com.cognitect.transit.URI x)) [::uri (str x)]
        (instance? com.cognitect.transit.TaggedValue x)
        [::tagged (.getTag ^com.cognitect.transit.TaggedValue x) (norm (.getRep ^com.cognitect.transit.TaggedValue x))]
        (instance? Float x) [Double (str (double x))]
        (and (number? x) (not (ratio? x))) [(if (instance? java.math.BigInteger x) clojure.lang.BigInt (class x)) (str x)]
        (map? x) [::map (set (map (fn [[k v]] [(norm k) (norm v)]) x))]
        (set? x) [::set (set (map norm x))]
        (vector? x) [::vector (mapv norm x)]
        (or (seq? x) (list? x) (instance? java.util.List x)) [::list (mapv norm x)]
        :else x))

(defn encode [x fmt]
  (try (let [o (ByteArrayOutputStream.)] (t/write (t/writer o fmt) x) (hex (.toByteArray o)))
       (catch Throwable e (str "!" (.getMessage e)))))
(defn same? [x s fmt]
  (if (= s "-") "-"
      (try (let [y (t/read (t/reader (ByteArrayInputStream. (unhex s)) fmt))]
             (if (= (norm x) (norm y)) "true" (str "false " (pr-str (norm y)))))
           (catch Throwable e (str "!" (.getMessage e))))))

(defn transit-line [line]
  (let [[text json msgpack] (str/split line #"\t")
        x (edn/read-string {:readers readers :default unknown} text)]
    (str/join "\t" [(encode x :json) (encode x :msgpack) (encode x :json-verbose)
                    (same? x json :json) (same? x msgpack :msgpack)])))

(defn edn-line [line]
  (try (pr-str (edn/read-string {:default tagged-literal} (edn/read-string line)))
       (catch Throwable e (str "!" (str/replace (str (.getMessage e)) #"[\n\r]" " ")))))

(doseq [[mode in out] (partition 3 *command-line-args*)]
  (spit out (str/join "\n" (map (if (= mode "edn") edn-line transit-line)
                                (remove str/blank? (str/split (slurp in) #"\n"))))))
