internal import FoundationEssentials
internal import Synchronization
internal import SystemPackage

/// Follows what the program that makes an image writes into the log of its build, and keeps the record of the build up to date
/// meanwhile.
///
/// What was read is not read again, and of a program that writes more than anybody reads only so much at each look.
final class OutputFollower: Sendable {
    /// How long it waits between two looks.
    private static let pause: Duration = .milliseconds(400)
    /// How much is read at once, and how often at each look.
    private static let pieces = (size: 64 * 1024, most: 16)

    private struct State {
        var position: Int64
        var output: ToolProgress
        var build: Build
    }

    private let file: FilePath
    private let record: @Sendable (Build) throws -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - file: The log of the build.
    ///   - start: Where the output of the program begins in it.
    ///   - record: Writes down how far the build is.
    init(
        _ file: FilePath, from start: Int64, of tool: ImageTool, _ build: Build,
        record: @escaping @Sendable (Build) throws -> Void
    ) {
        self.file = file
        self.record = record
        self.state = Mutex(State(position: start, output: ToolProgress(of: tool), build: build))
    }

    /// The build as far as the output tells.
    var build: Build { state.withLock(\.build) }

    /// Follows until the task is cancelled.
    func follow() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.pause)
            look()
        }
    }

    /// Reads what has been written since, and records what is new in it.
    ///
    /// What cannot be read or written now is so at the next look, and does the build no harm.
    func look() {
        guard let log = try? FileDescriptor.open(file, .readOnly, options: [.closeOnExec]) else { return }
        defer { try? log.close() }
        state.withLock { state in
            let known = state.build
            for _ in 0..<Self.pieces.most {
                let position = state.position
                let bytes = try? [UInt8](unsafeUninitializedCapacity: Self.pieces.size) { buffer, count in
                    count = try log.read(fromAbsoluteOffset: position, into: UnsafeMutableRawBufferPointer(buffer))
                }
                guard let bytes, !bytes.isEmpty else { break }
                state.position += Int64(bytes.count)
                state.output.read(bytes)
            }
            state.build.progress = state.output.progress
            if state.output.isPushing, state.build.phase == .building {
                state.build.begin(.pushing, "pushing \(state.build.image)")
            }
            if state.build != known { try? record(state.build) }
        }
    }
}
