internal import CoreMetrics
internal import Synchronization

/// The values of one series of a histogram; what is not a number counts for nothing.
final class HistogramCell: TimerHandler, RecorderHandler {
    /// How many values there were, up to each bound and no lower one, beyond all bounds, and their sum.
    struct Snapshot: Sendable {
        var counts: [UInt64]
        var sum: Double
    }

    private let bounds: [Double]
    private let state: Mutex<Snapshot>

    /// - Parameter bounds: In ascending order.
    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(Snapshot(counts: [UInt64](repeating: 0, count: bounds.count + 1), sum: 0))
    }

    /// Clocks that go back make negative durations, which count as none.
    func recordNanoseconds(_ duration: Int64) { record(Double(max(duration, 0)) / 1e9) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[index] += 1
            state.sum += value
        }
    }

    /// Everything as of one moment.
    var snapshot: Snapshot { state.withLock { $0 } }
}
