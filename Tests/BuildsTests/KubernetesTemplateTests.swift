import FoundationEssentials
import KubernetesClient
import OCIDistribution
import SemanticVersions
import SystemPackage
import Testing

@testable import Builds

@Suite("The Job template")
struct KubernetesTemplateTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "deploy/kubernetes")
    private static let file = folder.appending(path: "buildkit-job-template.yaml")
    private static let rootlessFile = folder.appending(path: "components/rootless/buildkit-job-template.yaml")

    private static let text = JobTemplate.builtInText

    // MARK: The one that is built in

    @Test("the built-in template is the file, byte for byte")
    func builtInIsTheFile() throws {
        #expect(try Data(contentsOf: Self.file) == Data(JobTemplate.builtInText.utf8))
    }

    @Test("it passes its own checks, from the literal and from the file")
    func builtInIsAccepted() throws {
        #expect(try JobTemplate().document == JobTemplate(file: FilePath(Self.file.path)).document)
    }

    @Test("it has exactly the five placeholders, each a whole quoted value")
    func placeholders() {
        let found = Self.text.matches(of: #/\$\{[^}]*\}/#).map { String($0.output) }
        #expect(Set(found) == Set(JobTemplate.Placeholder.allCases.map(\.text)))
        for line in Self.text.split(separator: "\n") where line.contains("${") {
            #expect(line.firstMatch(of: #/: '\$\{[A-Z_]+\}'\}?$/#) != nil, "\(line)")
        }
    }

    /// What the seed's n8n snippet does.
    private func replacedAsText(_ values: [JobTemplate.Placeholder: String]) -> String {
        values.reduce(Self.text) { text, value in text.replacing(value.key.text, with: value.value) }
    }

    @Test(
        "replacing the placeholders as text gives the Job of the default branch, whatever the values look like",
        arguments: [
            ("app-example", "apps/app-example", "https://git.example/webapps.git"),
            // Names that YAML would take for a number, a truth value and nothing, and a directory that would be null.
            ("123", "", "https://git.example/a: b.git"), ("true", "null", "ssh://git@git.example/x #y.git"),
            ("1e3", "~", "https://git.example/{a}[b],\"c\"%20&*!|>`@.git"),
        ])
    func textReplacement(webapp: String, subdirectory: String, url: String) throws {
        let image = "registry.k8s-lab.dev/webapp/\(webapp):v1.0.0"
        let job = try JSONValue(
            yaml: replacedAsText([
                .jobName: "build-\(webapp)-1", .webappName: webapp, .gitURL: url, .gitSubdirectory: subdirectory,
                .image: image,
            ]))
        #expect(job["metadata"]?["name"]?.string == "build-\(webapp)-1")
        #expect(job["metadata"]?["labels"]?["webapp"]?.string == webapp)
        let pod = job["spec"]?["template"]?["spec"]
        let clone = pod?["initContainers"]?.array?.first
        #expect(clone?.variable("GIT_REPO_URL") == url)
        #expect(clone?.variable("GIT_SUBDIRECTORY") == subdirectory)
        #expect(clone?.variable("GIT_REF") == "HEAD")
        #expect(pod?["containers"]?.array?.first?.variable("IMAGE_TAG") == image)
        #expect(job["spec"]?["suspend"] == nil, "nobody would resume it")
        // Its version is taken, as far as the webapp is one.
        let registry = try ImageNaming(registry: RegistryHost("registry.k8s-lab.dev"), prefix: "webapp")
        let target = JobTarget(try KubernetesFixtures.decode(job), naming: registry)
        guard case .version(let version, let taken, _) = target else {
            Issue.record("\(target)")
            return
        }
        #expect(version.tag == "v1.0.0")
        #expect(taken.description == webapp)
    }

    @Test("what the seed promises about the Job's life holds")
    func lifecycle() throws {
        let document = try JobTemplate().document
        let spec = document["spec"]
        #expect(spec?["ttlSecondsAfterFinished"] == 600)
        #expect(spec?["backoffLimit"] == 0)
        #expect(spec?["activeDeadlineSeconds"] == 1800)
        let pod = spec?["template"]?["spec"]
        #expect(pod?["restartPolicy"] == "Never")
        #expect(pod?["automountServiceAccountToken"] == false)
        #expect(pod?["serviceAccountName"] == "buildkit-sa")
        #expect(document["metadata"]?["labels"]?["app.kubernetes.io/name"] == "buildkit")
        #expect(document["metadata"]?["labels"]?["app.kubernetes.io/component"] == "builder")
        for list in ["initContainers", "containers"] {
            for container in pod?[list]?.array ?? [] {
                let image = container["image"]?.string ?? ""
                #expect(image.contains(":v") && !image.hasSuffix(":latest"), "\(image) is pinned")
                #expect(container["terminationMessagePolicy"] == "FallbackToLogsOnError")
            }
        }
    }

    @Test("what a Pod may write fits what its volumes may hold")
    func ephemeralStorage() throws {
        let pod = try JobTemplate().document["spec"]?["template"]?["spec"]
        let volumes = pod?["volumes"]?.array ?? []
        let sizes = try volumes.compactMap { try $0["emptyDir"].map { try mebibytes($0["sizeLimit"]) } }
        #expect(sizes.count == 4)
        var limits: [Int] = []
        for list in ["initContainers", "containers"] {
            for container in pod?[list]?.array ?? [] {
                let limit = try mebibytes(container["resources"]?["limits"]?["ephemeral-storage"])
                #expect(try mebibytes(container["resources"]?["requests"]?["ephemeral-storage"]) <= limit)
                // Every volume that a container fills, and its log.
                let filled = try (container["volumeMounts"]?.array ?? []).filter { $0["readOnly"] != true }.map {
                    mount in
                    let volume = volumes.first { $0["name"] == mount["name"] }
                    return try mebibytes(volume?["emptyDir"]?["sizeLimit"])
                }
                #expect(limit > filled.reduce(0, +))
                limits.append(limit)
            }
        }
        // The kubelet takes the larger one of an init container's and the sum of the others', and all volumes.
        #expect(limits.max() ?? 0 > sizes.reduce(0, +))
    }

    private func mebibytes(_ quantity: JSONValue?) throws -> Int {
        let text = try #require(quantity?.string)
        let number = try #require(Int(text.dropLast(2)))
        return text.hasSuffix("Gi") ? number * 1024 : try #require(text.hasSuffix("Mi") ? number : nil)
    }

    @Test("the Secret of private repositories is optional, read only, and the clone's alone")
    func gitCredentials() throws {
        let pod = try JobTemplate().document["spec"]?["template"]?["spec"]
        let volume = pod?["volumes"]?.array?.first { $0["name"] == "git-credentials" }
        #expect(volume?["secret"] == ["secretName": "git-credentials", "optional": true])
        func mount(_ container: JSONValue?) -> JSONValue? {
            container?["volumeMounts"]?.array?.first { $0["name"] == "git-credentials" }
        }
        #expect(mount(pod?["initContainers"]?.array?.first)?["readOnly"] == true)
        #expect(mount(pod?["containers"]?.array?.first) == nil)
    }

    @Test("the rootless template keeps the contract and differs where it must and nowhere else")
    func rootless() throws {
        let rootless = try JobTemplate(file: FilePath(Self.rootlessFile.path)).document
        let text = Self.text
            .replacing(#/moby/buildkit:v[0-9.]+/#) { "\($0.output)-rootless" }
            .replacing(
                "            privileged: true\n",
                with: """
                                runAsNonRoot: true
                                runAsUser: 1000
                                runAsGroup: 1000
                                seccompProfile: {type: Unconfined}
                                appArmorProfile: {type: Unconfined}

                    """
            )
            .replacing(
                "            - {name: BUILDCTL_CONNECT_RETRIES_MAX, value: '50'}\n",
                with: """
                                - {name: BUILDCTL_CONNECT_RETRIES_MAX, value: '50'}
                                - {name: BUILDKITD_FLAGS, value: --oci-worker-no-process-sandbox}

                    """
            )
            .replacing("mountPath: /var/lib/buildkit}", with: "mountPath: /home/user/.local/share/buildkit}")
            .replacing("mountPath: /etc/buildkit,", with: "mountPath: /home/user/.config/buildkit,")
        #expect(rootless == (try JobTemplate(text: text).document))
        #expect(try JobTemplate().document != rootless)
    }

    @Test("the scripts are shell, and no value is spliced into them")
    func scripts() async throws {
        let pod = try JobTemplate().document["spec"]?["template"]?["spec"]
        for list in ["initContainers", "containers"] {
            let script = pod?[list]?.array?.first?["command"]?.array?[2].string ?? ""
            let process = try await ShellSyntax.check(script)
            #expect(process.isEmpty, "\(process)")
            #expect(script.hasPrefix("set -eu\n"))
        }
    }
}

extension JSONValue {
    /// The value of an environment variable of a container.
    func variable(_ name: String) -> String? {
        self["env"]?.array?.first { $0["name"]?.string == name }?["value"]?.string
    }
}
