import Synchronization

/// What a container has written, for readers now and followers later.
final class ContainerLog: Sendable {
    struct Line: Sendable {
        var time: String
        var text: String
    }

    private struct State {
        var lines: [Line] = []
        var hasEnded = false
        var followers: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    func append(_ text: String) {
        let followers = state.withLock { state in
            state.lines.append(Line(time: timestamp(), text: text))
            return state.followers
        }
        for follower in followers { follower.yield() }
    }

    func end() {
        let followers = state.withLock { state in
            state.hasEnded = true
            defer { state.followers = [] }
            return state.followers
        }
        for follower in followers { follower.finish() }
    }

    /// The lines from a position on, and whether more can come.
    func lines(from position: Int) -> (lines: ArraySlice<Line>, hasEnded: Bool) {
        state.withLock { ($0.lines.dropFirst(position), $0.hasEnded) }
    }

    /// A stream that has an element after each line and ends with the log.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let hasEnded = state.withLock { state in
            if !state.hasEnded { state.followers.append(continuation) }
            return state.hasEnded
        }
        if hasEnded { continuation.finish() }
        return stream
    }

    /// The end of the log as a container's termination message: at most 2048 bytes and 80 lines.
    var tail: String {
        let text = state.withLock { $0.lines.suffix(80).map { $0.text + "\n" } }.joined()
        return String(decoding: text.utf8.suffix(2048), as: UTF8.self)
    }
}
