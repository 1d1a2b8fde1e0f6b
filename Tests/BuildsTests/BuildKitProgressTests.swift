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
