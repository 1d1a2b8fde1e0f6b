import FoundationEssentials
import RegistryTesting
import Synchronization
import SystemPackage
import Testing

@testable import Builds

@Suite("How far a build on this machine is, from the output of its program")
struct ToolProgressTests {
    private func progress(_ tool: ImageTool, _ output: String, chunk: Int = .max) -> ToolProgress {
        var progress = ToolProgress(of: tool)
        let bytes = Array(output.utf8)
        for start in stride(from: 0, to: bytes.count, by: min(chunk, bytes.count)) {
            progress.read(Array(bytes[start..<min(start + min(chunk, bytes.count), bytes.count)]))
        }
        return progress
    }

    /// Of buildah 1.28.2.
    private static let oneStage = """
        STEP 1/3: FROM scratch
        STEP 2/3: COPY a /b
        STEP 3/3: LABEL "org.opencontainers.image.version"="v1.0.0"
        COMMIT t2
        Getting image source signatures

        """
    private static let twoStages = """
        [1/2] STEP 1/3: FROM scratch AS build
        [1/2] STEP 2/3: COPY a /a
        [1/2] STEP 3/3: LABEL x=y
        [2/2] STEP 1/4: FROM scratch
        [2/2] STEP 2/4: COPY --from=build /a /a

        """
    private static let twoPlatforms = """
        [linux/amd64] [1/2] STEP 1/3: FROM scratch AS build
        [linux/amd64] [1/2] STEP 2/3: COPY a /a
        [linux/amd64] [1/2] STEP 3/3: LABEL x=y
        [linux/amd64] [2/2] STEP 1/3: FROM scratch
        [linux/amd64] [2/2] COMMIT
        [linux/arm64] [1/2] STEP 1/3: FROM scratch AS build

        """
    /// Of the builder that Docker had before BuildKit.
    private static let dockerOfOld = """
        Sending build context to Docker daemon  3.072kB
        Step 1/4 : FROM busybox
         ---> 334e4a014c81
        Step 2/4 : RUN npm ci

        """

    @Test(
        "each program's own way to announce a step is understood, wherever its output is cut",
        arguments: [
            (
                .buildah, oneStage,
                Build.Progress(
                    step: 3, steps: 3, instruction: #"LABEL "org.opencontainers.image.version"="v1.0.0""#)
            ),
            (.buildah, twoStages, Build.Progress(step: 5, steps: 7, instruction: "COPY --from=build /a /a")),
            (.buildah, twoPlatforms, Build.Progress(step: 5, steps: 9, instruction: "FROM scratch AS build")),
            (.docker, dockerOfOld, Build.Progress(step: 2, steps: 4, instruction: "RUN npm ci")),
            (.docker, "#9 [build 4/5] RUN npm ci\n", Build.Progress(step: 4, steps: 5, instruction: "RUN npm ci")),
            (.buildctl, "#9 [build 4/5] RUN npm ci\n", Build.Progress(step: 4, steps: 5, instruction: "RUN npm ci")),
            (.buildctl, oneStage, nil), (.buildah, "#9 [build 4/5] RUN npm ci\n", nil), (.buildah, "", nil),
        ] as [(ImageTool, String, Build.Progress?)])
    func understood(_ tool: ImageTool, _ output: String, _ expected: Build.Progress?) {
        for chunk in [1, 9, .max] { #expect(progress(tool, output, chunk: chunk).progress == expected) }
    }

    @Test("what a step prints does not pass for a step unless it is the next one")
    func imitations() {
        let output = """
            STEP 1/3: FROM scratch
            STEP 3/3: RUN echo
            STEP 1/9: FROM elsewhere
            say STEP 2/3: x
            STEP 2/30: x
            Step 2/3: x

            """
        #expect(progress(.buildah, output).progress == Build.Progress(step: 2, steps: 3, instruction: "x"))
        #expect(progress(.buildah, "STEP 2/3: RUN echo\n").progress == nil)
    }

    @Test("only of a program that pushes by itself the output tells of the push")
    func pushing() {
        #expect(progress(.buildctl, "#12 pushing layers\n").isPushing)
        #expect(!progress(.docker, "#12 pushing layers\n").isPushing)
        #expect(!progress(.buildctl, "pushing layers\n").isPushing)
    }

    // MARK: Following

    /// A log that grows, and the states of the build that were recorded.
    private final class Stage: Sendable {
        let directory: TemporaryDirectory
        let follower: OutputFollower
        private let recorded: Recorded
        private let path: FilePath

        private final class Recorded: Sendable {
            let states = Mutex<[Build]>([])
        }

        init(_ tool: ImageTool, from start: Int64 = 0) throws {
            directory = try TemporaryDirectory()
            path = FilePath(directory.path("log"))
            var build = try plan().queued(message: "")
            build.begin(.building, "building with \(tool.rawValue)")
            let recorded = Recorded()
            self.recorded = recorded
            follower = OutputFollower(path, from: start, of: tool, build) { build in
                recorded.states.withLock { $0.append(build) }
            }
        }

        var states: [Build] { recorded.states.withLock(\.self) }

        func write(_ text: String, at position: Int64? = nil) throws {
            let file = try FileDescriptor.open(path, .writeOnly, options: [.create], permissions: .ownerReadWrite)
            try file.closeAfter {
                let end = try file.seek(offset: 0, from: .end)
                _ = try file.writeAll(toAbsoluteOffset: position ?? end, text.utf8)
            }
        }
    }

    @Test("what was read is not read again, and only what changes is recorded")
    func incremental() throws {
        let stage = try Stage(.buildah, from: 20)
        stage.follower.look()
        #expect(stage.states.isEmpty, "there is no log yet")
        // What earlier programs wrote is not looked at.
        try stage.write("[9/9] STEP 1/7: FROM\nSTEP 1/3: FROM scratch\n")
        stage.follower.look()
        #expect(stage.states.map(\.progress) == [Build.Progress(step: 1, steps: 3, instruction: "FROM scratch")])
        try stage.write("[8/8] STEP 1/1: FROM x\n", at: 20)
        try stage.write("some output\n")
        stage.follower.look()
        #expect(stage.states.count == 1)
        try stage.write("STEP 2/3: RUN make\n")
        stage.follower.look()
        stage.follower.look()
        #expect(stage.states.count == 2)
        #expect(stage.states.last?.progress == Build.Progress(step: 2, steps: 3, instruction: "RUN make"))
        #expect(stage.follower.build == stage.states.last)
    }

    @Test("of a program that writes much only so much is read at each look")
    func bounded() throws {
        let stage = try Stage(.buildah)
        try stage.write(String(repeating: "x\n", count: 1_000_000) + "STEP 1/1: FROM scratch\n")
        stage.follower.look()
        #expect(stage.states.isEmpty)
        stage.follower.look()
        #expect(stage.states.last?.progress?.step == 1)
    }

    @Test("a program that builds and pushes in one comes to the push")
    func push() throws {
        let stage = try Stage(.buildctl)
        try stage.write("#4 [1/1] COPY . /\n")
        stage.follower.look()
        try stage.write("#5 pushing layers\n")
        stage.follower.look()
        #expect(stage.states.map(\.phase) == [.building, .pushing])
        #expect(stage.states.last?.phaseTimes.map(\.phase) == [.building, .pushing])
        #expect(stage.states.last?.progress?.step == 1)
    }
}
