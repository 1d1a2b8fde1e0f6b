import Builds
import HTTPTypes
import Synchronization

/// Bounds what bodies hold of the memory before anybody knows whether they are signed.
///
/// Bytes count as they arrive, not as they are announced. When they become too many, the body that has been arriving
/// for longest gives way: whoever sends slowly, or never ends, is in nobody's way.
final class ArrivingBodies: Sendable {
    /// How many bytes are held at most, unless told otherwise.
    static let most = 16 << 20

    private struct Body {
        var bytes = 0
        /// Gives it up; `nil` while it may not be: once it is there wholly.
        var giveUp: (@Sendable () -> Void)?
        var gaveWay = false
    }

    private struct State {
        var bodies: [Int: Body] = [:]
        var bytes = 0
        var last = 0

        /// Makes room for bytes of a body, and says who has to be given up for it.
        mutating func admit(_ count: Int, to number: Int, most: Int) -> (Bool, [@Sendable () -> Void]) {
            var givenUp: [@Sendable () -> Void] = []
            guard bodies[number]?.gaveWay == false else { return (false, []) }
            while bytes + count > most {
                let oldest = bodies.filter { $0.value.giveUp != nil && $0.value.bytes > 0 }.keys.min()
                guard let oldest, oldest != number, let giveUp = bodies[oldest]?.giveUp else {
                    return (false, givenUp)
                }
                bytes -= bodies[oldest]?.bytes ?? 0
                bodies[oldest] = Body(gaveWay: true)
                givenUp.append(giveUp)
            }
            bodies[number]?.bytes += count
            bytes += count
            return (true, givenUp)
        }

        /// Notes that a body is there wholly; `false` for one that gave way.
        mutating func arrived(_ number: Int) -> Bool {
            guard bodies[number]?.gaveWay == false else { return false }
            bodies[number]?.giveUp = nil
            return true
        }

        mutating func remove(_ number: Int) { bytes -= bodies.removeValue(forKey: number)?.bytes ?? 0 }
    }

    private let most: Int
    private let state = Mutex(State())

    init(most: Int = ArrivingBodies.most) { self.most = most }

    /// How many bytes are held now.
    var bytes: Int { state.withLock(\.bytes) }

    /// Runs `use` with a body that `read` lets in piece by piece, whose bytes are held until `use` has ended.
    /// - Parameters:
    ///   - limit: How long the body may take to arrive.
    ///   - read: Reads the body, and tells of each piece before it is kept.
    /// - Throws: What both throw, ``DeadlineExceeded``, ``Problem`` for a body that had to give way.
    func withBody<Value: Sendable>(
        within limit: Duration,
        read: @escaping @Sendable (_ admit: @escaping @Sendable (Int) throws -> Void) async throws -> [UInt8],
        use: ([UInt8]) async throws -> Value
    ) async throws -> Value {
        let number = state.withLock { state in
            state.last += 1
            state.bodies[state.last] = Body()
            return state.last
        }
        defer { remove(number) }
        let reading = Task { try await withDeadline(limit) { try await read { try self.admit($0, to: number) } } }
        state.withLock { $0.bodies[number]?.giveUp = { reading.cancel() } }
        let bytes: [UInt8]
        do {
            bytes = try await withTaskCancellationHandler {
                try await reading.value
            } onCancel: {
                reading.cancel()
            }
        } catch {
            throw state.withLock({ $0.bodies[number]?.gaveWay == true }) ? Self.refusal : error
        }
        // It may have given way at the last moment, and counts no more.
        guard state.withLock({ $0.arrived(number) }) else { throw Self.refusal }
        return try await use(bytes)
    }

    private func admit(_ count: Int, to number: Int) throws {
        let (isAdmitted, givenUp) = state.withLock { $0.admit(count, to: number, most: most) }
        for giveUp in givenUp { giveUp() }
        guard isAdmitted else { throw Self.refusal }
    }

    private func remove(_ number: Int) { state.withLock { $0.remove(number) } }

    private static var refusal: Problem {
        Problem(
            .buildsNotStarted, "too many payloads are arriving at once; redeliver the webhook later",
            headers: [.retryAfter: "10"]
        ).closingConnection
    }
}
