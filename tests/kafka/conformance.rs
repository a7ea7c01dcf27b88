//! Programs that other people made for this kind of gateway, unchanged, at the real one in front of real Kafka. They are
//! no part of this project: `make conformance` is told where they are, and runs those. In the test command there are none,
//! and `src/admin/tests/contract` holds what they need.

#[path = "conformance/ctl.rs"]
mod ctl;
#[path = "conformance/kong.rs"]
mod kong;
#[path = "conformance/terraform.rs"]
mod terraform;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail, ensure};
use klamm::quickstart::child::{self, Output};

use crate::scene::{LIMIT, Scene};

/// The program that a variable names, if it names one.
fn given(variable: &str) -> Result<Option<PathBuf>> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty());
    let path = path.map(PathBuf::from);
    if let Some(path) = &path {
        ensure!(path.is_file(), "{variable}: there is no {}", path.display());
    }
    Ok(path)
}

/// A program that is told where the gateway is, and that finds nothing of who runs it.
struct Foreign<'a> {
    scene: &'a Scene,
    program: PathBuf,
    home: PathBuf,
}

impl<'a> Foreign<'a> {
    fn new(scene: &'a Scene, program: PathBuf, name: &str) -> Result<Self> {
        let home = scene.stage.directory().join(name);
        std::fs::create_dir_all(&home)?;
        Ok(Self { scene, program, home })
    }

    fn command(&self) -> Command {
        let node = &self.scene.stage.nodes()[0];
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("CDK_GATEWAY_BASE_URL", node.admin_url())
            .env("CDK_GATEWAY_USER", "admin")
            .env("CDK_GATEWAY_PASSWORD", "conduktor")
            .current_dir(&self.home);
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.command();
        command.args(arguments);
        let output = child::run(command, "", LIMIT)?;
        // For the note that says what was tried: the output is part of it.
        writeln!(
            std::io::stderr(),
            "{} {}\n{}",
            self.program.display(),
            arguments.join(" "),
            output.all()
        )?;
        Ok(output)
    }

    /// The output of the program, which must succeed.
    fn says(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        ensure!(output.status.success(), "{arguments:?}:\n{}", output.all());
        Ok(output.stdout)
    }

    /// It must fail, and say this; some break their lines.
    fn refuses(&self, arguments: &[&str], why: &str) -> Result<()> {
        let output = self.run(arguments)?;
        let all = output.all();
        let said: Vec<&str> = all.split_whitespace().collect();
        if output.status.success() || !said.join(" ").contains(why) {
            bail!("{arguments:?} was to be refused with {why:?}:\n{all}");
        }
        Ok(())
    }

    /// Writes a file into its directory.
    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.home.join(name), text)?)
    }
}
