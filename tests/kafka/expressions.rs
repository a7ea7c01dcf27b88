//! A stock consumer that subscribes by a regular expression which the group's coordinator is asked to evaluate.

use anyhow::{Result, ensure};
use klamm::quickstart::admin;

use crate::program::Program;
use crate::scene::{CLUSTER, LIMIT, Scene, lines};

#[test]
fn an_alias_that_comes_later_is_subscribed_to() -> Result<()> {
    let scene = Scene::shared()?;
    for (topic, record) in [("expression-1", "one"), ("expression-2", "two")] {
        scene.topic(topic, 1)?;
        scene.direct("kafka-console-producer", &["--topic", topic], record)?;
    }
    scene.vcluster("expressions", &[("data-1", "expression-1")])?;
    let user = scene.login("expressions", "super-user", 1)?;
    let mut follower = Program::start(&scene, "Follower", &user, &["app", "data-.*", "2"])?;
    follower.shows("what is there is read", |said| lines(said) == ["data-1 one"])?;
    let alias = admin::alias("expressions", "data-2", (CLUSTER, "expression-2"));
    scene.stage.admin(1).put("alias-topic", &alias)?;
    let said = lines(&follower.finish(LIMIT)?);
    ensure!(said == ["data-1 one", "data-2 two"], "{said:?}");
    Ok(())
}
