internal import CoreMetrics

/// All series of one metric.
struct MetricFamily: Sendable {
    /// Where the values of a series are kept.
    enum Cell: Sendable {
        case counter(CounterCell)
        case gauge(GaugeCell)
        case histogram(HistogramCell)
    }

    /// One combination of labels.
    struct Series: Sendable {
        /// As they are exposed, ordered by name.
        var labels: [UInt8]
        var cell: Cell
    }

    /// What became of a combination of labels.
    struct Placement {
        /// `nil` if there is no room.
        var cell: Cell?
        /// How many labels were left out: reserved ones, unknown ones, and the second of two with one name.
        var refusedLabels = 0
    }

    /// The longest value of a label, in bytes; longer ones are cut.
    static let longestValue = 256

    let description: MetricDescription
    /// Ordered by their labels.
    private(set) var series: [Series] = []

    private let isDescribed: Bool
    private let most: Int
    private let bounds: [Double]
    private let header: [UInt8]
    private let names: (plain: [UInt8], bucket: [UInt8], sum: [UInt8], count: [UInt8])
    private let bucketLabels: [[UInt8]]
    /// By label, the values with series of their own where there is a bound.
    private var admitted: [String: Set<String>] = [:]

    /// - Parameters:
    ///   - isDescribed: Whether somebody wrote the description, which then says which labels there are.
    ///   - most: How many series there may be.
    init(_ description: MetricDescription, isDescribed: Bool, most: Int) {
        self.description = description
        self.isDescribed = isDescribed
        self.most = most
        let name = description.name
        if case .histogram(let buckets) = description.kind {
            bounds = Set(buckets.filter(\.isFinite)).sorted()
        } else {
            bounds = []
        }
        bucketLabels = (bounds + [.infinity]).map { ExpositionText.label("le", ExpositionText.number($0)) }
        names = (Array(name.utf8), Array("\(name)_bucket".utf8), Array("\(name)_sum".utf8), Array("\(name)_count".utf8))
        let help = description.help.isEmpty ? "" : "# HELP \(name) \(ExpositionText.help(description.help))\n"
        header = Array("\(help)# TYPE \(name) \(description.kind.word)\n".utf8)
        if isDescribed, description.isZeroAtFirst { addKnownSeries(with: [:]) }
    }

    // MARK: Series

    /// The series of these labels, made if it is new.
    mutating func place(_ dimensions: [(String, String)]) -> Placement {
        var placement = Placement()
        var labels: [String: String] = [:]
        for (name, value) in dimensions {
            let name = MetricName.label(name)
            let isKnown = !isDescribed || description.labels.contains { $0.name == name }
            guard isKnown, !MetricName.isReserved(label: name), labels[name] == nil else {
                placement.refusedLabels += 1
                continue
            }
            labels[name] = admit(Self.cut(value), for: name)
        }
        placement.cell = cell(labels)
        if placement.cell == nil, series.count < most {
            placement.cell = add(labels)
            if isDescribed, description.isZeroAtFirst { addKnownSeries(with: labels) }
        }
        return placement
    }

    private mutating func admit(_ value: String, for name: String) -> String {
        guard let label = description.labels.first(where: { $0.name == name }), let most = label.most,
            !label.values.contains(value)
        else { return value }
        var values = admitted[name] ?? []
        guard values.contains(value) || values.count < most else { return MetricDescription.Label.other }
        values.insert(value)
        admitted[name] = values
        return value
    }

    private static func cut(_ value: String) -> String {
        guard value.utf8.count > longestValue else { return value }
        return String(decoding: value.utf8.prefix(longestValue), as: UTF8.self)
    }

    /// Adds the series that have these values where a label's values are not known, and each known value elsewhere.
    private mutating func addKnownSeries(with fixed: [String: String]) {
        var combinations: [[String: String]] = [[:]]
        for label in description.labels {
            let isOpen = label.values.isEmpty || label.most != nil
            let values = fixed[label.name].flatMap { isOpen ? [$0] : nil } ?? label.values
            combinations = combinations.flatMap { labels in values.map { labels.merging([label.name: $0]) { $1 } } }
        }
        for labels in combinations where series.count < most && cell(labels) == nil { _ = add(labels) }
    }

    private func cell(_ labels: [String: String]) -> Cell? {
        let text = Self.text(labels)
        let index = index(of: text)
        return index < series.count && series[index].labels == text ? series[index].cell : nil
    }

    private mutating func add(_ labels: [String: String]) -> Cell {
        let text = Self.text(labels)
        let cell: Cell =
            switch description.kind {
            case .counter: .counter(CounterCell())
            case .gauge: .gauge(GaugeCell())
            case .histogram: .histogram(HistogramCell(bounds: bounds))
            }
        series.insert(Series(labels: text, cell: cell), at: index(of: text))
        return cell
    }

    private static func text(_ labels: [String: String]) -> [UInt8] {
        // A label without a value is no label.
        let labels = labels.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map {
            ExpositionText.label($0.key, $0.value)
        }
        return Array(labels.joined(separator: [UInt8(ascii: ",")]))
    }

    /// Where a series with these labels is, or belongs.
    private func index(of labels: [UInt8]) -> Int {
        var (low, high) = (0, series.count)
        while low < high {
            let middle = (low + high) / 2
            if series[middle].labels.lexicographicallyPrecedes(labels) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Exposition

    /// Writes all there is; nothing for a metric without series.
    func write(to text: inout ExpositionText) {
        guard !series.isEmpty else { return }
        text.append(header)
        for series in series {
            switch series.cell {
            case .counter(let cell): text.sample(names.plain, labels: series.labels, value: cell.text)
            case .gauge(let cell): text.sample(names.plain, labels: series.labels, value: cell.text)
            case .histogram(let cell): write(cell.snapshot, series.labels, to: &text)
            }
        }
    }

    private func write(_ snapshot: HistogramCell.Snapshot, _ labels: [UInt8], to text: inout ExpositionText) {
        var total: UInt64 = 0
        for (count, bucket) in zip(snapshot.counts, bucketLabels) {
            total += count
            text.sample(names.bucket, labels: labels, more: bucket, value: String(total))
        }
        text.sample(names.sum, labels: labels, value: ExpositionText.number(snapshot.sum))
        text.sample(names.count, labels: labels, value: String(total))
    }
}
