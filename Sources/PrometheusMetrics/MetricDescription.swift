/// What is told of a metric beside its values, whoever emits it.
public struct MetricDescription: Sendable, Hashable {
    /// What its values are.
    public enum Kind: Sendable, Hashable {
        /// Only rises.
        case counter
        /// Rises and falls.
        case gauge
        /// How many values there were up to each of these bounds, in ascending order and without infinity.
        case histogram(buckets: [Double])

        /// The word of the exposition format.
        public var word: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    /// A name and what is known of its values.
    public struct Label: Sendable, Hashable, ExpressibleByStringLiteral {
        /// The value that stands for all that are too many.
        public static let other = "other"

        /// The name as it is exposed.
        public var name: String
        /// Values that are there from the start, so that the first event is a rise and not a beginning.
        public var values: [String]
        /// How many values that are not in ``values`` have series of their own; the rest share ``other``.
        ///
        /// `nil` sets no bound but that of the whole metric.
        public var most: Int?

        /// Names a label.
        public init(_ name: String, values: [String] = [], most: Int? = nil) {
            self.name = name
            self.values = values
            self.most = most
        }

        /// A label of whose values nothing is known.
        public init(stringLiteral name: String) { self.init(name) }
    }

    /// The whole name as it is exposed, with `_total` or the unit at its end.
    public var name: String
    /// What its values are.
    public var kind: Kind
    /// Its labels; others are refused.
    public var labels: [Label]
    /// One sentence for people.
    public var help: String
    /// Whether the series whose labels are all known are there from the start, with 0.
    public var isZeroAtFirst: Bool

    /// Puts it together.
    public init(_ name: String, _ kind: Kind, labels: [Label] = [], isZeroAtFirst: Bool = true, help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.isZeroAtFirst = isZeroAtFirst
        self.help = help
    }
}
