public import CoreMetrics
public import Logging
internal import Synchronization

/// Keeps the values of all metrics of a process, and writes them as Prometheus reads them.
///
/// Counters get `_total` at the end of their names where it is missing, and timers, whose values are seconds, `_seconds`.
/// Nothing that a caller does traps: a metric that contradicts another of the same name counts for nothing, a label that
/// may not be is left out, and ``conflicts`` tells how often; series beyond the bound are counted by ``dropped``.
///
/// Metrics stay for as long as the registry: destroying a handler does nothing.
public final class PrometheusRegistry: Sendable {
    /// The media type of ``exposition()``: the text format 0.0.4.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Counts metrics and labels that were refused.
    public static let conflicts = MetricDescription(
        "registry_query_metrics_conflicts_total", .counter,
        help: "Measurements refused, whole or in a label, because they contradict the description of their metric.")
    /// Counts measurements for which there was no room.
    public static let dropped = MetricDescription(
        "registry_query_metrics_dropped_series_total", .counter,
        help: "Measurements lost because their metric has as many series as it may have.")

    /// The bounds of histograms that nobody described, in seconds where they are of timers.
    static let usualBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// How many metrics that nobody described there may be.
    private static let mostUndescribed = 200
    /// How many conflicts are logged in all.
    private static let mostReports = 100

    fileprivate struct State: Sendable {
        var families: [String: MetricFamily] = [:]
        /// In ascending order.
        var order: [String] = []
        /// Which metric each name of a sample belongs to.
        var owners: [String: String] = [:]
        var undescribed = 0
        var hooks: [@Sendable () -> Void] = []
        var reported: Set<String> = []
        var lastLength = 0
    }

    private let state: Mutex<State>
    private let seriesPerMetric: Int
    private let logger: Logger
    private let conflictsCell: CounterCell
    private let droppedCell: CounterCell

    /// Makes a registry that knows these metrics.
    ///
    /// Of descriptions that contradict each other, the first one counts.
    /// - Parameters:
    ///   - seriesPerMetric: How many combinations of labels a metric may have; 1000 by default.
    ///   - logger: Told of conflicts, of each kind once.
    public init(
        _ descriptions: [MetricDescription], seriesPerMetric: Int = 1000,
        logger: Logger = Logger(label: "metrics", factory: { _ in SwiftLogNoOpLogHandler() })
    ) {
        var state = State()
        var cells: [CounterCell] = []
        for own in [Self.conflicts, Self.dropped] {
            state.add(MetricFamily(own, isDescribed: true, most: 1))
            guard case .counter(let cell)? = state.families[own.name]?.series.first?.cell else { continue }
            cells.append(cell)
        }
        for description in descriptions.map(\.withValidNames) where state.canAdd(description.name, description.kind) {
            state.add(MetricFamily(description, isDescribed: true, most: seriesPerMetric))
        }
        conflictsCell = cells.first ?? CounterCell()
        droppedCell = cells.last ?? CounterCell()
        self.state = Mutex(state)
        self.seriesPerMetric = seriesPerMetric
        self.logger = logger
    }

    /// Has `hook` called before each exposition, to set what depends on the time or is read from the system.
    public func beforeExposition(_ hook: @escaping @Sendable () -> Void) {
        state.withLock { $0.hooks.append(hook) }
    }

    /// All metrics as of now, as UTF-8 text that ends with a line feed; see ``contentType``.
    ///
    /// Metrics are ordered by name, series by their labels.
    public func exposition() -> [UInt8] {
        for hook in state.withLock({ $0.hooks }) { hook() }
        let (families, order, length) = state.withLock { ($0.families, $0.order, $0.lastLength) }
        var text = ExpositionText()
        text.reserve(length + 1024)
        for name in order { families[name]?.write(to: &text) }
        let bytes = text.bytes
        state.withLock { $0.lastLength = bytes.count }
        return bytes
    }

    // MARK: Making metrics

    /// Why there is no cell, or not all labels.
    private enum Trouble {
        case contradicts
        case refusedLabels
        case noRoom
    }

    private func cell(
        _ name: String, _ kind: MetricDescription.Kind, _ dimensions: [(String, String)]
    ) -> MetricFamily.Cell? {
        let (cell, trouble, isNew) = state.withLock { state -> (MetricFamily.Cell?, Trouble?, Bool) in
            func outcome(_ cell: MetricFamily.Cell?, _ trouble: Trouble?) -> (MetricFamily.Cell?, Trouble?, Bool) {
                guard let trouble, state.reported.count < Self.mostReports else { return (cell, trouble, false) }
                return (cell, trouble, state.reported.insert("\(trouble) \(name)").inserted)
            }
            if state.families[name] == nil {
                guard state.canAdd(name, kind) else { return outcome(nil, .contradicts) }
                guard state.undescribed < Self.mostUndescribed else { return outcome(nil, .noRoom) }
                state.undescribed += 1
                state.add(
                    MetricFamily(
                        MetricDescription(name, kind, help: ""), isDescribed: false, most: seriesPerMetric))
            }
            guard state.families[name]?.description.kind.word == kind.word else { return outcome(nil, .contradicts) }
            guard let placement = state.families[name]?.place(dimensions) else { return (nil, nil, false) }
            if placement.cell == nil { return outcome(nil, .noRoom) }
            return outcome(placement.cell, placement.refusedLabels > 0 ? .refusedLabels : nil)
        }
        if let trouble { count(trouble, name, isNew: isNew) }
        return cell
    }

    private func count(_ trouble: Trouble, _ name: String, isNew: Bool) {
        switch trouble {
        case .noRoom: droppedCell.increment(by: 1 as Int64)
        case .contradicts, .refusedLabels: conflictsCell.increment(by: 1 as Int64)
        }
        guard isNew else { return }
        let reason =
            switch trouble {
            case .noRoom: "it has as many series as it may have"
            case .contradicts: "there is a metric of another kind with this name"
            case .refusedLabels: "a label is reserved, not described, or there twice"
            }
        logger.warning(
            "metric refused, whole or in part; told once",
            metadata: ["metric": "\(name)", "reason": "\(reason)"])
    }
}

extension PrometheusRegistry.State {
    /// The names of a metric's samples, all of which must be its own.
    private static func names(_ name: String, _ kind: MetricDescription.Kind) -> [String] {
        guard case .histogram = kind else { return [name] }
        return [name, "\(name)_bucket", "\(name)_sum", "\(name)_count"]
    }

    fileprivate func canAdd(_ name: String, _ kind: MetricDescription.Kind) -> Bool {
        Self.names(name, kind).allSatisfy { owners[$0] == nil }
    }

    fileprivate mutating func add(_ family: MetricFamily) {
        let name = family.description.name
        for sample in Self.names(name, family.description.kind) { owners[sample] = name }
        families[name] = family
        order.insert(name, at: order.firstIndex { name < $0 } ?? order.count)
    }
}

extension PrometheusRegistry: MetricsFactory {
    /// A counter of whole numbers.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        guard case .counter(let cell)? = cell(MetricName.metric(label, suffix: "_total"), .counter, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return cell
    }

    /// A counter of any numbers.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        guard case .counter(let cell)? = cell(MetricName.metric(label, suffix: "_total"), .counter, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return cell
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        guard case .gauge(let cell)? = cell(MetricName.metric(label), .gauge, dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return cell
    }

    /// A histogram, or a gauge where values are not aggregated.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let kind: MetricDescription.Kind = aggregate ? .histogram(buckets: Self.usualBuckets) : .gauge
        return switch cell(MetricName.metric(label), kind, dimensions) {
        case .gauge(let cell)?: cell
        case .histogram(let cell)?: cell
        default: NOOPMetricsHandler.instance
        }
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = MetricName.metric(label, suffix: "_seconds")
        guard case .histogram(let cell)? = cell(name, .histogram(buckets: Self.usualBuckets), dimensions) else {
            return NOOPMetricsHandler.instance
        }
        return cell
    }

    /// Does nothing.
    public func destroyCounter(_: any CounterHandler) {}
    /// Does nothing.
    public func destroyFloatingPointCounter(_: any FloatingPointCounterHandler) {}
    /// Does nothing.
    public func destroyMeter(_: any MeterHandler) {}
    /// Does nothing.
    public func destroyRecorder(_: any RecorderHandler) {}
    /// Does nothing.
    public func destroyTimer(_: any TimerHandler) {}
}
