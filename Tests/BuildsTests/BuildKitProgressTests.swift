import FoundationEssentials
import Testing

@testable import Builds

@Suite("How far BuildKit is, from its log")
struct BuildKitProgressTests {
    private func progress(_ log: String, chunk: Int = .max) -> BuildKitProgress {
        var progress = BuildKitProgress()
        let bytes = Array(log.utf8)
        var start = 0
        while start < bytes.count {
            let end = start + min(chunk, bytes.count - start)
            progress.read(Array(bytes[start..<end]))
            start = end
        }
        return progress
    }

    private static let log = """
        #1 [internal] load build definition from Dockerfile
        #2 [auth] sharing credentials for registry.example:5115
        #6 [build 1/5] FROM registry.example:5115/base/busybox:1@sha256:95f2
        #9 [build 4/5] RUN npm ci && echo "[5/5] #12 pushing layers"
        #9 0.081 #12 pushing layers
        #9 0.082 [build 9/9] RUN rm -rf /

        """

    @Test(
        "the step that was announced last counts, wherever the log is cut",
        arguments: [
            ("", nil, false),
            ("#1 [internal] load build definition from Dockerfile\n", nil, false),
            (log, "build 4/5", false),
            (log + "#9 DONE 5.1s\n\n#11 [stage-1 2/2] COPY --from=build /out/ /www/\n", "stage-1 2/2", false),
            ("#4 [1/1] COPY . /srv/\n#5 exporting to image\n#5 exporting layers\n", "1/1", false),
            ("#4 [linux/arm64 1/1] COPY . /srv/\n#5 pushing layers\n#5 ...\n", "linux/arm64 1/1", true),
            // A vertex that comes back, and what comes after the push.
            ("#13 DONE 0.0s\n\n#13 exporting to image\n#13 pushing layers done\n#14 exporting cache\n", nil, true),
            // No line without its end.
            ("#4 [1/1] COPY . /srv/\n#5 pushing layers", "1/1", false),
        ] as [(String, String?, Bool)])
    func states(_ log: String, _ position: String?, _ isPushing: Bool) {
        for chunk in [1, 7, .max] {
            let progress = progress(log, chunk: chunk)
            #expect(progress.step?.position == position)
            #expect(progress.isPushing == isPushing)
        }
    }

    @Test("a recorded log ends with the push")
    func recorded() throws {
        let progress = progress(try KubernetesFixtures.log("log-main"))
        #expect(progress.isPushing)
        #expect(progress.step != nil)
    }

    @Test(
        "steps are counted stage by stage, and a step stands for those before it",
        arguments: [
            // The two stages share their base image, which is announced once.
            ("buildkit-two-stages", 7, 7, "COPY --from=build /out/ /www/"),
            // Cached steps come in any order, and a vertex comes back.
            ("buildkit-cached", 7, 7, "COPY --from=build /out/ /www/"),
            ("buildkit-interrupted", 1, 1, "COPY . /srv/"), ("buildkit-platforms", 1, 1, "COPY . /srv/"),
            ("buildkit-imitation", 3, 3, ##"RUN echo "#99 DONE 0.0s"; echo "ERROR: not really""##),
        ])
    func counted(_ recording: String, _ step: Int, _ steps: Int, _ instruction: String) throws {
        let log = try KubernetesFixtures.log(recording)
        for chunk in [13, .max] {
            let found = try #require(progress(log, chunk: chunk).progress)
            #expect(found.step == step && found.steps == steps, "\(found)")
            #expect(found.instruction.hasPrefix(instruction), "\(found)")
        }
    }

    @Test("the steps only go forward, line by line", arguments: ["buildkit-two-stages", "buildkit-cached"])
    func forward(_ recording: String) throws {
        var progress = BuildKitProgress()
        var seen: [Build.Progress] = []
        for line in try KubernetesFixtures.log(recording).split(separator: "\n") {
            progress.read(Array("\(line)\n".utf8))
            if let now = progress.progress, now != seen.last { seen.append(now) }
        }
        #expect(seen.map(\.step) == seen.map(\.step).sorted() && seen.map(\.steps) == seen.map(\.steps).sorted())
        #expect(seen.first?.step == 1 && seen.first?.steps == 5)
        #expect(seen.allSatisfy { $0.step <= $0.steps })
    }

    @Test("stages on several platforms count for themselves, and what is no step counts for nothing")
    func platforms() {
        let log = """
            #4 [linux/amd64 build 1/3] FROM base
            #5 [linux/arm64 build 1/3] FROM base
            #6 [linux/arm64 build 2/3] RUN make
            #7 [0/3] RUN a
            #8 [4/3] RUN b
            #9 [1/99999] RUN c
            #9 [1/99999999999999999999] RUN d
            #6 [linux/arm64 build 2/3] RUN make

            """
        #expect(progress(log).progress == Build.Progress(step: 3, steps: 6, instruction: "RUN make"))
        #expect(progress("#1 [internal] load\n").progress == nil)
    }

    @Test("however many stages an output announces, few are remembered")
    func manyStages() {
        let log = (1...5000).map { "#\($0) [stage\($0) 1/1] RUN x\n" }.joined()
        #expect(progress(log).progress?.steps == 200)
    }

    @Test("the sentence tells a person what is being done")
    func sentences() {
        #expect(BuildKitProgress().sentence(building: "app:v1") == "building app:v1")
        #expect(
            progress("#9 [build 4/5] RUN npm ci\n").sentence(building: "app:v1")
                == "building app:v1: step build 4/5, RUN npm ci")
        #expect(progress("#9 [1/1] RUN x\n#10 pushing layers\n").sentence(building: "app:v1") == "pushing app:v1")
    }

    @Test("a line without end is bounded")
    func endless() {
        var progress = BuildKitProgress()
        for _ in 0..<100 { progress.read([UInt8](repeating: UInt8(ascii: "x"), count: 100_000)) }
        progress.read(Array("\n#4 [1/1] COPY . /srv/\n".utf8))
        #expect(progress.step?.position == "1/1")
    }
}
