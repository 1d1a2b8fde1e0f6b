internal import CoreMetrics
internal import Synchronization

/// The value of one series of a counter; what would lower it counts for nothing.
final class CounterCell: CounterHandler, FloatingPointCounterHandler {
    /// Whole numbers apart, so that they stay exact beside fractions.
    private let value = Mutex<(whole: Int64, rest: Double)>((0, 0))

    func increment(by amount: Int64) {
        guard amount > 0 else { return }
        value.withLock { value in
            let (sum, overflow) = value.whole.addingReportingOverflow(amount)
            value.whole = overflow ? .max : sum
        }
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        value.withLock { $0.rest += amount }
    }

    func reset() { value.withLock { $0 = (0, 0) } }

    /// The value as it is exposed.
    var text: String {
        let value = value.withLock { $0 }
        return value.rest == 0 ? String(value.whole) : ExpositionText.number(Double(value.whole) + value.rest)
    }
}
