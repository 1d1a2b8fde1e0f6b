import FoundationEssentials
import HTTPTransport
import KubernetesClient
import OCIDistribution
import SemanticVersions
import Subprocess
import Testing

@testable import Builds

@Suite("A Job rendered from the template")
struct KubernetesRenderingTests {
    private func render(
        _ plan: BuildPlan, _ text: String = JobTemplate.builtInText, _ options: JobOptions = JobOptions()
    ) throws -> JSONValue {
        try JobTemplate(text: text).render(plan, namespace: "builds", reservation: "unique-1", options: options)
    }

    private func arguments(_ job: JSONValue) -> [String] {
        job["spec"]?["template"]?["spec"]?["containers"]?.array?.first?["args"]?.array?.compactMap(\.string) ?? []
    }

    private func options(_ job: JSONValue) -> [String] {
        let arguments = arguments(job)
        return arguments.indices.dropFirst().filter { arguments[$0 - 1] == "--opt" }.map { arguments[$0] }
    }

    @Test("everything that the plan says is in the Job")
    func everything() throws {
        let commit = String(repeating: "a1", count: 20)
        var plan = try kubernetesPlan(commit: commit)
        plan.platforms = [try Platform("linux/arm64"), try Platform("linux/amd64")]
        plan.idempotencyKey = "key"
        plan.requestFingerprint = "f00"
        plan.requestedBy = "n8n"
        plan.callbackURL = "https://automation.example/hook?a=1&signature=x"
        plan.traceparent = Traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        let job = try render(plan)
        #expect(job["metadata"]?["name"]?.string == "build-app-example-v1-2-3")
        #expect(job["metadata"]?["namespace"]?.string == "builds")
        #expect(
            job["metadata"]?["labels"] == [
                "app.kubernetes.io/name": "buildkit", "app.kubernetes.io/component": "builder", "webapp": "app-example",
                "app.kubernetes.io/managed-by": "registry-query", "registry-query/tag": "v1.2.3",
                "registry-query/idempotency-key-hash": "2c70e12b7a0646f92279f427c7b38e7334d8e538",
            ])
        #expect(
            job["metadata"]?["annotations"] == [
                "registry-query/image": "registry.example:5115/webapp/app-example:v1.2.3",
                "registry-query/created-at": "2026-11-22T09:22:35.125000Z",
                "registry-query/git-url": "https://git.example/webapps.git", "registry-query/git-ref": "main",
                "registry-query/git-commit": .string(commit), "registry-query/git-subdirectory": "apps/app-example",
                "registry-query/platforms": "linux/arm64,linux/amd64", "registry-query/idempotency-key": "key",
                "registry-query/request-fingerprint": "f00", "registry-query/requested-by": "n8n",
                "registry-query/callback-url": "https://automation.example/hook?a=1&signature=x",
                "registry-query/traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "registry-query/reservation": "unique-1",
            ])
        let pod = job["spec"]?["template"]
        #expect(pod?["metadata"]?["labels"]?["webapp"] == "app-example")
        #expect(pod?["metadata"]?["labels"]?["app.kubernetes.io/managed-by"] == "registry-query")
        let clone = pod?["spec"]?["initContainers"]?.array?.first
        #expect(clone?.variable("GIT_REPO_URL") == "https://git.example/webapps.git")
        #expect(clone?.variable("GIT_REF") == commit)
        #expect(clone?.variable("GIT_SUBDIRECTORY") == "apps/app-example")
        #expect(
            pod?["spec"]?["containers"]?.array?.first?.variable("IMAGE_TAG")
                == "registry.example:5115/webapp/app-example:v1.2.3")
        #expect(
            options(job) == [
                "label:org.opencontainers.image.version=v1.2.3",
                "label:org.opencontainers.image.source=https://git.example/webapps.git",
                "label:org.opencontainers.image.created=2026-11-22T09:22:35Z", "platform=linux/arm64,linux/amd64",
            ])
    }

    @Test("it is made suspended, and otherwise as the template has it")
    func suspended() throws {
        let template = try JobTemplate().document
        let job = try render(try kubernetesPlan())
        #expect(job["spec"]?["suspend"] == true)
        var spec = job["spec"]
        spec?["suspend"] = nil
        spec?["template"] = template["spec"]?["template"]
        #expect(spec == template["spec"])
        #expect(JobBuild(try KubernetesFixtures.decode(job))?.job.spec.suspend == true)
    }

    // MARK: Options

    @Test("images that the operator names replace the template's")
    func images() throws {
        let options = try JobOptions(
            buildKitImage: "mirror.example/moby/buildkit:v1",
            gitImage: "mirror.example/git@sha256:" + String(repeating: "0", count: 64),
            naming: kubernetesNaming)
        let plain = try render(try kubernetesPlan())["spec"]?["template"]?["spec"]
        let pod = try render(try kubernetesPlan(), JobTemplate.builtInText, options)["spec"]?["template"]?["spec"]
        for (list, image) in [("containers", options.buildKitImage), ("initContainers", options.gitImage)] {
            var container = pod?[list]?.array?.first
            #expect(container?["image"]?.string == image)
            container?["image"] = plain?[list]?.array?.first?["image"]
            #expect(container == plain?[list]?.array?.first)
        }
    }

    @Test("a cache has a repository of its own for each webapp and cannot fail a build")
    func cache() throws {
        let options = try JobOptions(cachePrefix: "cache", naming: kubernetesNaming)
        let arguments = arguments(try render(try kubernetesPlan(), JobTemplate.builtInText, options))
        let reference = "type=registry,ref=registry.example:5115/cache/app-example:buildcache"
        #expect(
            arguments.suffix(4) == [
                "--export-cache", "\(reference),mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true",
                "--import-cache", reference,
            ])
        #expect(!self.arguments(try render(try kubernetesPlan())).contains { $0.contains("cache") })
        // Nobody takes it for a webapp.
        #expect(kubernetesNaming.webapp(of: try Repository("cache/app-example")) == nil)
    }

    @Test(
        "a template that speaks of caches itself is left alone",
        arguments: [
            "            - --export-cache\n            - type=inline\n",
            "            - --import-cache=type=registry,ref=x/y:z\n",
        ])
    func ownCache(_ own: String) throws {
        let text = JobTemplate.builtInText.replacing(
            "            - --progress\n", with: own + "            - --progress\n")
        let options = try JobOptions(cachePrefix: "cache", naming: kubernetesNaming)
        let plan = try kubernetesPlan()
        #expect(arguments(try render(plan, text, options)) == arguments(try render(plan, text)))
    }

    @Test(
        "options that cannot work are refused by the name of the variable",
        arguments: [
            ("BUILDKIT_IMAGE", "moby/buildkit:v1", "webapp"), ("BUILDKIT_IMAGE", "docker.io/moby/buildkit", "webapp"),
            ("BUILDKIT_IMAGE", "", "webapp"), ("BUILDKIT_IMAGE", "docker.io/moby/buildkit:v1 --x", "webapp"),
            ("GIT_IMAGE", "alpine/git", "webapp"), ("GIT_IMAGE", "docker.io/alpine/git:$(X)", "webapp"),
            ("CACHE_PREFIX", "webapp", "webapp"), ("CACHE_PREFIX", "a/b", "a/b"), ("CACHE_PREFIX", "", "webapp"),
            ("CACHE_PREFIX", "", ""), ("CACHE_PREFIX", "Cache", "webapp"), ("CACHE_PREFIX", "cache/", "webapp"),
            ("CACHE_PREFIX", "/cache", "webapp"), ("CACHE_PREFIX", "cache,mode=x", "webapp"),
            ("CACHE_PREFIX", String(repeating: "c", count: 250), "webapp"),
        ])
    func refusedOptions(field: String, value: String, prefix: String) throws {
        let naming = try ImageNaming(registry: RegistryHost("registry.example"), prefix: prefix)
        let error = try #require(throws: InvalidInput.self) {
            try JobOptions(
                buildKitImage: field == "BUILDKIT_IMAGE" ? value : nil, gitImage: field == "GIT_IMAGE" ? value : nil,
                cachePrefix: field == "CACHE_PREFIX" ? value : nil, naming: naming)
        }
        #expect(error.field == field)
    }

    @Test(
        "a cache may lie below the images, or above them",
        arguments: [("webapp/cache", "webapp"), ("cache", ""), ("a", "a/b")])
    func cachePlaces(cache: String, prefix: String) throws {
        let naming = try ImageNaming(registry: RegistryHost("registry.example"), prefix: prefix)
        #expect(try JobOptions(cachePrefix: cache, naming: naming).cachePrefix == cache)
    }

    // MARK: Defaults

    @Test("what the plan leaves open has the template's default")
    func defaults() throws {
        let job = try render(try kubernetesPlan())
        let clone = job["spec"]?["template"]?["spec"]?["initContainers"]?.array?.first
        #expect(clone?.variable("GIT_REF") == "main")
        #expect(!options(job).contains { $0.hasPrefix("platform=") })
        let annotations = job["metadata"]?["annotations"]?.object?.names ?? []
        #expect(!annotations.contains { $0.hasSuffix("platforms") || $0.hasSuffix("commit") || $0.hasSuffix("key") })
    }

    @Test("options that the template sets already are replaced, in either spelling", arguments: [true, false])
    func replacedOptions(inOneArgument: Bool) throws {
        let own =
            inOneArgument
            ? "            - --opt=platform=linux/riscv64\n"
            : "            - --opt\n            - platform=linux/riscv64\n"
        let text = JobTemplate.builtInText.replacing(
            "            - --progress\n", with: own + "            - --progress\n")
        var plan = try kubernetesPlan()
        #expect(arguments(try render(plan, text)).contains { $0.hasSuffix("platform=linux/riscv64") })
        plan.platforms = [try Platform("linux/arm64")]
        let arguments = arguments(try render(plan, text))
        #expect(
            arguments.filter { $0.contains("platform=") } == [(inOneArgument ? "--opt=" : "") + "platform=linux/arm64"])
    }

    @Test(
        "a value stays a value, whatever it looks like",
        arguments: [
            "a: b", "- x", "'", "\"", "}{", "#", "\n", "a\nmetadata: {}", "null", "true", "!!str", "&a", "*a", "|",
            "%YAML",
            "; rm -rf /", "`id`", "\u{202E}", "e\u{301}",
        ])
    func valuesStayValues(_ value: String) throws {
        var plan = try kubernetesPlan(subdirectory: value)
        plan.git.url = "https://git.example/\(value)"
        plan.git.ref = value
        plan.requestedBy = value
        let plain = try render(try kubernetesPlan())
        let job = try render(plan)
        let clone = job["spec"]?["template"]?["spec"]?["initContainers"]?.array?.first
        #expect(clone?.variable("GIT_SUBDIRECTORY") == value)
        #expect(clone?.variable("GIT_REF") == value)
        #expect(clone?["command"] == plain["spec"]?["template"]?["spec"]?["initContainers"]?.array?.first?["command"])
        #expect(arguments(job).count == arguments(plain).count)
        // What is sent is JSON, read again here as the cluster reads it.
        #expect(try JSONValue(json: job.json()) == job)
    }

    @Test("a value that Kubernetes would expand is refused", arguments: ["$(IMAGE_TAG)", "a$b", "${X}", "$$"])
    func dollar(_ value: String) throws {
        for change in [\BuildPlan.git.url, \.git.ref, \.git.subdirectory] {
            var plan = try kubernetesPlan()
            plan[keyPath: change] = value
            #expect(throws: InvalidInput.self) { try render(plan) }
        }
        var pinned = try kubernetesPlan(commit: String(repeating: "0", count: 40))
        pinned.git.ref = value
        #expect(throws: Never.self, "a reference that is not fetched is only written down") { try render(pinned) }
    }

    @Test("a password in the operator's own Git URL reaches git, and nothing else")
    func password() throws {
        var plan = try kubernetesPlan()
        plan.git.url = "https://robot:s3cret@git.example/webapps.git"
        let job = try render(plan)
        let text = String(decoding: job.json(), as: UTF8.self)
        #expect(text.firstMatch(of: #/s3cret/#) != nil)
        #expect(text.matches(of: #/s3cret/#).count == 1)
        #expect(job["metadata"]?["annotations"]?["registry-query/git-url"] == "https://git.example/webapps.git")
        let found = try #require(JobBuild(try KubernetesFixtures.decode(job)))
        #expect(
            found.build(JobReading(job: found.job, pod: nil, now: Date())).git.url == "https://git.example/webapps.git")
    }

    @Test(
        "user names and passwords are taken out of URLs",
        arguments: [
            ("https://git.example/a", "https://git.example/a"),
            ("https://u:p@git.example/a@b", "https://git.example/a@b"),
            ("https://token@git.example/a", "https://git.example/a"),
            ("ssh://git@git.example/a", "ssh://git@git.example/a"),
            ("ssh://git:p@git.example/a", "ssh://git@git.example/a"), ("file:///srv/a@b", "file:///srv/a@b"), ("", ""),
            ("https://a@b:c@git.example?x@y", "https://git.example?x@y"),
        ])
    func userInfo(url: String, expected: String) {
        #expect(url.withoutUserInfo == expected)
    }

    @Test("a tag that is no label's value is only in the annotation")
    func longTag() throws {
        for version in ["v1.0.0-" + String(repeating: "x", count: 60), "v1.0.0-a-"] {
            let plan = try kubernetesPlan(version)
            let job = try render(plan)
            #expect(job["metadata"]?["labels"]?["registry-query/tag"] == nil)
            #expect(JobBuild(try KubernetesFixtures.decode(job))?.id == plan.id)
        }
        #expect(try render(try kubernetesPlan("v1.0.0-a"))["metadata"]?["labels"]?["registry-query/tag"] == "v1.0.0-a")
    }

    @Test("what was promised is read back from the Job as it was")
    func readBack() throws {
        var plan = try kubernetesPlan("v2.0.0-rc.1", commit: String(repeating: "b", count: 40), subdirectory: "")
        plan.platforms = [try Platform("linux/arm/v7")]
        plan.idempotencyKey = "\u{e4} \"quoted\""
        plan.requestFingerprint = "f"
        plan.requestedBy = "n8n"
        plan.callbackURL = "https://automation.example/hook"
        let found = try #require(JobBuild(try KubernetesFixtures.decode(try render(plan))))
        var build = found.build(JobReading(job: found.job, pod: nil, now: Date()))
        build.message = ""
        #expect(build.isHeldBack, "its maker has not let it run")
        build.isHeldBack = false
        #expect(build == plan.queued(message: ""))
    }
}

extension JobBuild {
    /// The build that a Job is, if it is one.
    init?(_ job: Job) {
        guard case .build(let build) = JobBuild.kind(of: job, naming: kubernetesNaming) else { return nil }
        self = build
    }
}

/// Whether a text is a shell script, by the shell itself.
enum ShellSyntax {
    /// What `sh -n` has to say.
    static func check(_ script: String) async throws -> String {
        let result = try await run(
            .name("sh"), arguments: ["-n"], input: .string(script), output: .discarded, error: .string(limit: 4096))
        return result.standardError
    }
}
