import NIOCore
import NIOPosix

/// Says that an operation took too long.
struct DeadlineExceeded: Error {}

/// Runs `operation` for at most `limit`; cancels it when the time is over, or when the caller is cancelled.
/// - Throws: ``DeadlineExceeded`` when the time is over, even if the operation does not heed its cancellation.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let (outcomes, sink) = AsyncStream<Result<Value, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
    // Unstructured, because a task group would wait for an operation that does not heed its cancellation, and the
    // caller of this service is promised an answer.
    let work = Task {
        do {
            sink.yield(.success(try await operation()))
        } catch {
            sink.yield(.failure(error))
        }
    }
    // Not a task that sleeps: even cancelled it is kept until its time has come, and each request has one. Tens of thousands
    // of them a second held 200 MB.
    let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: TimeAmount(limit)) {
        sink.yield(.failure(DeadlineExceeded()))
    }
    defer {
        work.cancel()
        timer.cancel()
    }
    for await outcome in outcomes { return try outcome.get() }
    throw CancellationError()
}
