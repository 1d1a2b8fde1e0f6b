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
    }

    /// The whole name as it is exposed, with `_total` or the unit at its end.
    public var name: String
    /// What its values are.
    public var kind: Kind
    /// The names of its labels.
    public var labels: [String]
    /// One sentence for people.
    public var help: String

    /// Puts it together.
    public init(_ name: String, _ kind: Kind, labels: [String] = [], help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }
}
