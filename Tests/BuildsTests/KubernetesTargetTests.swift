import FoundationEssentials
import KubernetesClient
import OCIDistribution
import SemanticVersions
import Testing

@testable import Builds

@Suite("Which version a Job holds")
struct KubernetesTargetTests {
    /// A Job with the labels of a build, made by others.
    private func job(
        name: String = "build-app-example-1700000000000", image: String? = nil, annotation: String? = nil,
        others: [String] = [], arguments: [String] = [],
        labels: JSONValue = ["app.kubernetes.io/name": "buildkit", "app.kubernetes.io/component": "builder"],
        status: JSONValue = [:]
    ) throws -> Job {
        var variables: [JSONValue] = others.enumerated().map { ["name": .string("V\($0)"), "value": .string($1)] }
        if let image { variables.append(["name": "IMAGE_TAG", "value": .string(image)]) }
        variables.append(["name": "FROM_SECRET", "valueFrom": [:]])
        var metadata: JSONValue = [
            "name": .string(name), "labels": labels, "uid": "u", "creationTimestamp": "2026-11-22T09:22:35Z",
        ]
        if let annotation { metadata["annotations"] = [JobKeys.Annotation.image: .string(annotation)] }
        return try KubernetesFixtures.decode([
            "metadata": metadata, "status": status,
            "spec": [
                "template": [
                    "spec": [
                        "initContainers": [
                            [
                                "name": "git-clone",
                                "env": [
                                    ["name": "GIT_REPO_URL", "value": "https://u:p@git.example/webapps.git"],
                                    ["name": "GIT_SUBDIRECTORY", "value": "_example"],
                                ],
                            ]
                        ],
                        "containers": [
                            [
                                "name": "buildkit", "image": "moby/buildkit:v0.18.2", "env": .array(variables),
                                "command": ["sh", "-c"], "args": .array(arguments.map(JSONValue.string)),
                            ]
                        ],
                    ]
                ]
            ],
        ])
    }

    private func kind(_ job: Job) -> String {
        switch JobBuild.kind(of: job, naming: kubernetesNaming) {
        case .build(let build):
            "\(build.webapp) \(build.build(JobReading(job: job, pod: nil, now: Date())).version.tag)"
        case .other: "other"
        case .unreadable: "unreadable"
        }
    }

    @Test("every recorded Job is a build of v1.2.3")
    func recorded() throws {
        for name in KubernetesFixtures.names("job-") {
            let body = try KubernetesFixtures.body(name)
            guard body["kind"]?.string == "Job", body["metadata"]?["labels"]?["app.kubernetes.io/name"] != nil else {
                continue
            }
            let build = try #require(JobBuild(try KubernetesFixtures.decode(body)), "\(name)")
            #expect(kind(build.job).hasSuffix(" v1.2.3"), "\(name)")
            #expect(
                build.id.description == (body["metadata"]?["name"]?.string ?? "").replacing(".", with: "-"), "\(name)")
        }
        for page in KubernetesFixtures.names("job-list-page") {
            for item in try KubernetesFixtures.body(page)["items"]?.array ?? [] {
                #expect(JobBuild(try KubernetesFixtures.decode(item))?.webapp.description == "app-list")
            }
        }
    }

    @Test("a Job that names its image only within a shell's text counts, too")
    func shellText() throws {
        let text = """
            buildctl-daemonless.sh build --frontend dockerfile.v0 --local context=/workspace \\
              --output type=image,name=registry.example:5115/webapp/app-example:v3.1.4,push=true
            """
        #expect(kind(try job(arguments: [text])) == "app-example v3.1.4")
    }

    @Test("what the build is told to push decides, then the annotation, then any other variable")
    func order() throws {
        let registry = "registry.example:5115/webapp"
        #expect(kind(try job(image: "\(registry)/a:v1.0.0")) == "a v1.0.0")
        #expect(kind(try job(image: "\(registry)/a:v1.0.0", annotation: "\(registry)/a:v9.0.0")) == "a v1.0.0")
        #expect(kind(try job(annotation: "\(registry)/a:v1.1.0", others: ["\(registry)/a:v9.0.0"])) == "a v1.1.0")
        #expect(kind(try job(image: "not an image", annotation: "\(registry)/a:v1.1.0")) == "a v1.1.0")
        #expect(
            kind(try job(others: ["type=image,\"name=\(registry)/a:v1.2.0,\(registry)/a:latest\",push=true"]))
                == "a v1.2.0")
        #expect(kind(try job(others: ["docker.io/library/node:22.1.0", "\(registry)/a:v1.2.0"])) == "a v1.2.0")
    }

    @Test(
        "a version counts under every name that the registry may have",
        arguments: [
            ("registry.example:5115/webapp/a:1.0.0", "a 1.0.0"),
            ("docker-registry.registry.svc.cluster.local:5000/webapp/a:v1.0.0", "a v1.0.0"),
            ("registry.k8s-lab.dev/webapp/a:v1.0.0-rc.1", "a v1.0.0-rc.1"),
        ])
    func anyHost(image: String, expected: String) throws {
        #expect(kind(try job(image: image)) == expected)
    }

    @Test(
        "what takes no version is no build",
        arguments: [
            "registry.example:5115/other/a:v1.0.0", "registry.example:5115/webapp/a/cache:v1.0.0",
            "registry.example:5115/webappa:v1.0.0", "registry.example:5115/webapp/a_b:v1.0.0",
            "registry.example:5115/webapp/a:latest", "registry.example:5115/webapp/a:2024.01.02",
            "registry.example:5115/webapp/a", "registry.example:5115/webapp/a:v01.2.3",
        ])
    func elsewhere(image: String) throws {
        #expect(kind(try job(image: image)) == "other")
    }

    @Test("a build that nobody can read is reported while it may push, and forgotten once it has ended")
    func unreadable() throws {
        #expect(kind(try job()) == "unreadable")
        #expect(kind(try job(others: ["$(REGISTRY)/webapp/a:$(VERSION)", "v1.0.0"])) == "unreadable")
        for type in ["Complete", "Failed"] {
            let status: JSONValue = ["conditions": [["type": .string(type), "status": "True"]]]
            #expect(kind(try job(status: status)) == "other")
        }
        let announced: JSONValue = ["conditions": [["type": "FailureTarget", "status": "True"]]]
        #expect(kind(try job(status: announced)) == "unreadable")
    }

    @Test("a Job without the labels is none of ours, whatever it pushes")
    func labels() throws {
        let image = "registry.example:5115/webapp/a:v1.0.0"
        for labels: JSONValue in [
            [:], ["app.kubernetes.io/name": "buildkit"], ["app.kubernetes.io/component": "builder"],
            ["app.kubernetes.io/name": "buildkit", "app.kubernetes.io/component": "cache"],
        ] {
            #expect(kind(try job(image: image, labels: labels)) == "other")
        }
    }

    @Test("a Job made by others has what its variables say")
    func foreign() throws {
        let found = try #require(JobBuild(try job(image: "registry.example:5115/webapp/app-example:v1.4.0")))
        let build = found.build(JobReading(job: found.job, pod: nil, now: Date()))
        #expect(build.id.description == "build-app-example-1700000000000")
        #expect(
            build.git
                == GitSource(url: "https://git.example/webapps.git", ref: "HEAD", commit: nil, subdirectory: "_example")
        )
        #expect(build.createdAt == Timestamp("2026-11-22T09:22:35Z")?.date)
        #expect(build.idempotencyKey == nil && build.callbackURL == nil && build.platforms.isEmpty)
    }

    @Test("a name with dots goes by the id that its version has")
    func dottedName() throws {
        let found = try #require(
            JobBuild(
                try job(name: "build-app-example-v1.4.0", image: "registry.example:5115/webapp/app-example:v1.4.0")))
        #expect(found.id.description == "build-app-example-v1-4-0")
    }

    @Test("a prefix that is empty leaves the whole repository to the webapp's name")
    func emptyPrefix() throws {
        let naming = try ImageNaming(registry: RegistryHost("registry.example"), prefix: "")
        func target(_ image: String) throws -> JobTarget { JobTarget(try job(image: image), naming: naming) }
        guard case .version(_, let webapp, _) = try target("registry.example/a:v1.0.0") else {
            Issue.record("a:v1.0.0 is a version")
            return
        }
        #expect(webapp.description == "a")
        #expect(try target("registry.example/webapp/a:v1.0.0") == .elsewhere)
    }

    // MARK: What was recorded

    @Test("a recorded end wins over what is left of the Pod")
    func recordedEnd() throws {
        var build = try kubernetesPlan().queued(message: "")
        build.status = .succeeded
        build.message = "served"
        build.digest = Digest.sha256(of: [1])
        build.git.commit = RecordedMoment.commit
        build.startedAt = Date(timeIntervalSince1970: 1_795_339_356)
        build.finishedAt = Date(timeIntervalSince1970: 1_795_339_388.5)
        var document = try JobTemplate().render(try kubernetesPlan(), namespace: "b", reservation: "r")
        for (name, value) in JobBuild.record(of: build) { document["metadata"]?["annotations"]?[name] = .string(value) }
        #expect(JobBuild(try KubernetesFixtures.decode(document))?.recorded == build)

        document["metadata"]?["annotations"]?[JobKeys.Annotation.digest] = "sha256:short"
        #expect(JobBuild(try KubernetesFixtures.decode(document))?.recorded == nil, "no success without a digest")
        for status in ["running", "queued", "SUCCEEDED", ""] {
            document["metadata"]?["annotations"]?[JobKeys.Annotation.status] = .string(status)
            #expect(JobBuild(try KubernetesFixtures.decode(document))?.recorded == nil)
        }
    }
}
