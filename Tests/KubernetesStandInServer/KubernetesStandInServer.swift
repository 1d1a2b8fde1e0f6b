import Dispatch
import FoundationEssentials
import Glibc
import Hummingbird
import KubernetesClient
import KubernetesStandIn
import Logging

/// A stand-in for a cluster as a program of its own, for measurements.
///
///     KubernetesStandInServer KUBECONFIG
///
/// Writes a kubeconfig file, prints `ready PORT CONTROLPORT`, and runs until its input ends or it is told to end. Seconds
/// last a second here. Builds wait before each of their steps, which are asked for at the control port:
///
/// - `POST /jobs/NAME/step` lets the build of a Job take its next step and answers
///   `{"step": "main-start", "monotonicNanoseconds": N}`: `CLOCK_MONOTONIC` when the Pod showed it, or the Job its end, just
///   before watches were told. 404 without such a Job, 409 after the last step.
/// - `POST /jobs` with `{"count": N}` puts N finished builds there and answers with their number.
@main
struct KubernetesStandInServer {
    static func main() async {
        guard CommandLine.arguments.count == 2 else {
            print("usage: \(CommandLine.arguments.first ?? "") KUBECONFIG")
            exit(64)
        }
        do {
            try await serve(kubeconfig: CommandLine.arguments[1])
        } catch {
            print("cannot serve: \(error)")
            exit(1)
        }
    }

    private static func serve(kubeconfig: String) async throws {
        let stepper = BuildStepper()
        var settings = StandInSettings()
        settings.second = .seconds(1)
        settings.script = { job, _ in stepper.script(of: job) }
        let standIn = try await KubernetesStandIn.start(settings)
        try standIn.writeKubeconfig(to: kubeconfig)

        // A read of the input blocks its thread, so it gets one of its own. There is nothing to put in order at the end.
        DispatchQueue(label: "input").async {
            var byte: UInt8 = 0
            while read(STDIN_FILENO, &byte, 1) > 0 {}
            unlink(kubeconfig)
            exit(0)
        }
        let application = Application(
            router: router(standIn, stepper),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                print("ready \(standIn.port) \(channel.localAddress?.port ?? 0)")
                fflush(nil)
            },
            logger: Logger(label: "control", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await application.run()
    }

    private static func router(_ standIn: KubernetesStandIn, _ stepper: BuildStepper) -> Router<BasicRequestContext> {
        let router = Router()
        router.post("/jobs/:name/step") { _, context -> Response in
            do {
                let taken = try await stepper.advance(try context.parameters.require("name"), of: standIn)
                return answer([
                    "step": .string(taken.step.rawValue),
                    "monotonicNanoseconds": .number(JSONNumber(Int(taken.monotonicNanoseconds))),
                ])
            } catch let refusal as BuildStepper.Refusal {
                return answer(["error": .string("\(refusal)")], refusal == .noSuchJob ? .notFound : .conflict)
            } catch {
                return answer(["error": .string("\(error)")], .gatewayTimeout)
            }
        }
        router.post("/jobs") { request, _ -> Response in
            let body = Array(try await request.body.collect(upTo: 1024).readableBytesView)
            let wish = try? JSONValue(json: body)
            let webapps = wish?["webapps"]?.int ?? 1
            guard let count = wish?["count"]?.int, (0...100_000).contains(count), (1...10_000).contains(webapps) else {
                return answer(["error": "a body {\"count\": N, \"webapps\": M} is needed"], .badRequest)
            }
            do {
                let template = try Template()
                let first = standIn.jobNames.count
                for number in first..<first + count { standIn.storeFinishedJob(try template.job(number, of: webapps)) }
            } catch {
                return answer(["error": .string("\(error)")], .internalServerError)
            }
            return answer(["count": .number(JSONNumber(count))])
        }
        return router
    }

    private static func answer(_ document: JSONValue, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: document.json())))
    }

    /// The Job template of the project, filled in as text, with what the service adds to its own builds.
    private struct Template {
        private let text: String

        init() throws {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let file = root.appendingPathComponent("deploy/kubernetes/buildkit-job-template.yaml")
            text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        }

        /// - Parameter webapps: How many take turns.
        func job(_ number: Int, of webapps: Int) throws -> JSONValue {
            let tag = "v1.0.\(number)"
            let webapp = webapps == 1 ? "app-example" : "app-\(number % webapps)"
            let image = "registry.k8s-lab.dev/webapp/\(webapp):\(tag)"
            let git = "https://git.example/webapps.git"
            var filled = text
            for (name, value) in [
                ("JOB_NAME", "build-\(webapp)-v1-0-\(number)"), ("WEBAPP_NAME", webapp),
                ("GIT_REPO_URL", git), ("GIT_SUBDIRECTORY", webapp), ("IMAGE_TAG", image),
            ] {
                filled = filled.split(separator: "${\(name)}", omittingEmptySubsequences: false).joined(
                    separator: value)
            }
            var job = try JSONValue(yaml: filled)
            let labels = ["app.kubernetes.io/managed-by": "registry-query", "registry-query/tag": tag]
            let annotations = [
                "image": image, "created-at": "2026-01-01T00:00:00.000000Z", "git-url": git, "git-ref": "main",
                "git-subdirectory": webapp, "reservation": "reservation-\(number)", "status": "succeeded",
                "message": "pushed \(image)", "commit": "d77a35dd8dfe1fc1eb5a364d9497d574b63d49c8",
                "digest": "sha256:9afb398fae39b4c1b21f0dfc5a9c7e869369e2ddb949ee788243e8f54e38ed58",
                "started-at": "2026-01-01T00:00:01Z", "finished-at": "2026-01-01T00:01:00Z",
            ]
            var metadata = job["metadata"] ?? [:]
            var allLabels = metadata["labels"] ?? [:]
            for (name, value) in labels { allLabels[name] = .string(value) }
            var allAnnotations = metadata["annotations"] ?? [:]
            for (name, value) in annotations { allAnnotations["registry-query/\(name)"] = .string(value) }
            metadata["labels"] = allLabels
            metadata["annotations"] = allAnnotations
            job["metadata"] = metadata
            return job
        }
    }
}
