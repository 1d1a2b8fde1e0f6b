import Builds
import Glibc
import UnixSignals

/// Waits for the end of a build and shows how it fares.
struct BuildWait {
    let core: any Core
    /// What has to follow the commands that are recommended, such as the address of the service.
    let arguments: String

    /// How often the time is shown anew.
    private static let pace: Duration = .milliseconds(200)

    /// Shows progress until the build has ended; answers its final state.
    func end(of started: Answer<BuildDocument>) async throws -> Answer<BuildDocument> {
        let id = try BuildID(started.content.id)
        let progress = BuildProgress(output: .standardError)
        defer { progress.end() }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return try await withThrowingTaskGroup(of: Answer<BuildDocument>?.self) { group in
            group.addTask {
                var last = started
                try await core.follow(id) { state in
                    last = state
                    try progress.show(state.content)
                }
                return last
            }
            group.addTask {
                for await signal in signals { leave(id, progress, on: signal) }
                return nil
            }
            if progress.isLive {
                group.addTask {
                    await LogTail.follow(id, of: core) { progress.show(lastLine: $0) }
                    return nil
                }
                group.addTask {
                    while !Task.isCancelled {
                        progress.redraw()
                        try? await Task.sleep(for: Self.pace)
                    }
                    return nil
                }
            }
            defer { group.cancelAll() }
            for try await case .some(let ended) in group { return ended }
            throw CancellationError()
        }
    }

    /// Ends the program as the signal does, but says what becomes of the build.
    private func leave(_ id: BuildID, _ progress: BuildProgress, on signal: UnixSignal) {
        progress.end()
        try? FileHandleOutput.standardError.show(
            """
            \(id.description) goes on without this command. To follow it, and to stop it:
              registry-query logs \(id.description) --follow\(arguments)
              registry-query cancel \(id.description)\(arguments)

            """)
        // A shell tells a program that was interrupted from one that failed.
        Glibc.signal(signal.rawValue, SIG_DFL)
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, signal.rawValue)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(signal.rawValue)
        Glibc.exit(128 + signal.rawValue)
    }
}
